"""A domain, taken bare and kept in its ASCII form.

Sources: RFC 1035 2.3.4 (lengths), RFC 5891 (IDNA), RFC 6761 and IANA's special-use registry,
publicsuffix.org.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

import idna
from publicsuffixlist import PublicSuffixList

from one_api_infra.shared.callback_domain import origin
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem, ValidationError

EXAMPLE = "pay.example.com"
MAX_LENGTH = 253
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SPECIAL_USE = frozenset(
    [
        "alt",
        "arpa",
        "example",
        "internal",
        "invalid",
        "local",
        "localhost",
        "onion",
        "test",
        "corp",
        "home",
        "lan",
        "localdomain",
        "example.com",
        "example.net",
        "example.org",
    ]
)
LAB_SUFFIX = "test"


class Domain(str):
    """A registrable host name: lower case, ASCII, no scheme, port, path or dot at the end."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object, path: str = "domain", *, lab: bool = False) -> "Domain":
        """The domain in ``value``; with ``lab`` names under ``.test`` (RFC 6761) are taken too.

        Raises ValidationError with one problem: the first that applies.
        """
        text = _text(value, path)
        for broken, expected, remedy in _SHAPES:
            if broken(text):
                raise ValidationError([Problem(path, _shown(expected, text), _(remedy))])
        return cls(_name(_ascii(text, path), path, lab=lab))

    @property
    def origin(self) -> str:
        """``https://DOMAIN`` without a slash at the end: what One API stores."""
        return origin(self)


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        expected = _("a domain name as text, not {kind}", kind=type(value).__name__)
        raise ValidationError([Problem(path, expected, _('write for example "pay.example.com"'))])
    return value


def _shown(expected: str, text: str) -> str:
    return _("{expected}; it is {text!r}", expected=_(expected), text=text[:80])


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return bool(re.fullmatch(r"[0-9.]+", text))
    return True


def _is_wide(text: str) -> bool:
    return any(unicodedata.east_asian_width(char) == "F" or char in "。｡．" for char in text)


# The order is the order of explanation: "https://a b:80/" is first of all a URL.
_SHAPES: tuple[tuple[Callable[[str], bool], str, str], ...] = (
    (lambda t: not t, "a domain name is needed", "write the bare name, such as pay.example.com"),
    (lambda t: bool(re.search(r"\s", t)), "no white space in a domain", "remove the white space"),
    (_is_wide, "no full-width characters in a domain", "type it again with a half-width keyboard"),
    (lambda t: "://" in t, "a bare domain without a scheme", "remove http:// or https://"),
    (_is_address, "a domain name, not an IP address", "point a domain name to the address, use it"),
    (lambda t: "/" in t or "?" in t, "a bare domain without a path", "remove all from the first /"),
    (lambda t: ":" in t or "@" in t, "a bare domain without port or user", "remove the port"),
    (lambda t: "*" in t, "one exact name, no wildcard", "name the host itself"),
    (lambda t: t.endswith("."), "no dot at the end", "remove the dot at the end"),
    (lambda t: "." not in t, "a full domain with at least two labels", "add the zone: NAME.com"),
)


def _ascii(text: str, path: str) -> str:
    """The ASCII (punycode) form; upper case is lowered first."""
    try:
        name = idna.encode(text.lower(), uts46=True).decode()
    except idna.IDNAError as error:
        if len(text) > MAX_LENGTH or "too long" in str(error).lower():
            raise _too_long(path) from None
        expected = _("letters, digits and hyphens between the dots; it is {text!r}", text=text[:80])
        remedy = _("write the name as your registrar shows it")
        raise ValidationError([Problem(path, expected, remedy)]) from None
    if len(name) > MAX_LENGTH:
        raise _too_long(path)
    return name


def _too_long(path: str) -> ValidationError:
    expected = _("at most 63 characters a label and 253 in all")
    return ValidationError([Problem(path, expected, _("use a shorter name"))])


def _name(name: str, path: str, *, lab: bool) -> str:
    if not all(LABEL.fullmatch(label) for label in name.split(".")):
        expected = _("letters, digits and hyphens between the dots; it is {text!r}", text=name[:80])
        raise ValidationError(
            [Problem(path, expected, _("write the name as your registrar shows it"))]
        )
    if lab and name.endswith(f".{LAB_SUFFIX}"):
        return name
    if reserved := special(name):
        expected = _("a public domain; {special} is reserved (RFC 6761)", special=reserved)
        raise ValidationError([Problem(path, expected, _("use a domain that you own"))])
    if suffixes().is_public(_in_own_letters(name)):
        expected = _("a name below a public suffix; {name} is one itself", name=name)
        raise ValidationError([Problem(path, expected, _("use a domain that you registered"))])
    return name


def special(name: str) -> str | None:
    labels = name.split(".")
    tails = (".".join(labels[start:]) for start in range(len(labels)))
    return next((tail for tail in tails if tail in SPECIAL_USE), None)


@lru_cache(maxsize=1)
def suffixes() -> PublicSuffixList:
    """The public suffix list that the library ships, in its own letters."""
    return PublicSuffixList(accept_encoded_idn=False)


def _in_own_letters(name: str) -> str:
    """The name as people write it, in their own letters."""
    try:
        return idna.decode(name)
    except idna.IDNAError:
        return name
