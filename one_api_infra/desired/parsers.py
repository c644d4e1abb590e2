"""What a value of an inventory must be: each kind is parsed here, once and strictly.

A parser takes a value and its path and returns the parsed value; it raises ValidationError with
what was expected and the remedy. ``is_line`` and what builds on it refuse control characters.
"""

import difflib
import ipaddress
import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from one_api_infra.shared.secret import Secret
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.validation import Problem, ValidationError

Parser = Callable[[Any, str], Any]

SIGNS = N_("other signs of the password than letters and digits are written in percent: %23 for #")
SWITCHES = {"true": "on", "yes": "on", "false": "off", "no": "off"}
LIKENESS = 0.6  # of difflib's ratio
LONGEST = 4096  # bytes of a setting; Linux takes no longer path either
URL = r"https?://[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%-]+"
# What Debian's tzdata has: the old names without an area are in tzdata-legacy since Debian 13.
AREAS = "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific"


def refuse(path: str, expected: str, remedy: str) -> ValidationError:
    """The error of a setting that is not as expected."""
    return ValidationError([Problem(path, expected, remedy)])


def brief(value: Any) -> str:
    """A value as a message shows it."""
    shown = ascii(value) if _has_control(str(value)) else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}…"


def _has_control(text: str) -> bool:
    """Whether a text holds control characters, line separators or lone surrogates."""
    return any(unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in text)


def is_line(value: Any, longest: int = LONGEST) -> bool:
    """Whether a value is one line of text, and not too long."""
    if not isinstance(value, str) or len(value) > longest or _has_control(value):
        return False
    return len(value.encode()) <= longest


def matching(pattern: str, expected: str, remedy: str) -> Parser:
    """A regex parser; texts are message ids."""

    def parse(value: Any, path: str) -> str:
        if not is_line(value) or not re.fullmatch(pattern, value):
            raise refuse(path, _(expected), _(remedy))
        return str(value)

    return parse


def choice(*choices: str) -> Parser:
    """One of a few words."""

    def parse(value: Any, path: str) -> str:
        if not isinstance(value, str) or value not in choices:
            expected = _(
                "one of {choices}; it is {value}", choices=", ".join(choices), value=brief(value)
            )
            raise refuse(path, expected, instead(value, choices))
        return value

    return parse


def instead(value: Any, choices: Iterable[str]) -> str:
    """The remedy of a word that is none of the choices: the one that was meant, if one is like it.

    The farthest likeness of all would be advice too: ``"callbacks": False`` is not "on".
    """
    words = {_plain(word): word for word in choices}
    told = _plain(str(value)[:80])
    meant = SWITCHES.get(told, told)
    near = difflib.get_close_matches(meant, words, n=1, cutoff=LIKENESS)
    return _('write "{near}"', near=words[near[0]]) if near else _("write one of these words")


def _plain(word: str) -> str:
    return re.sub("[^a-z0-9]", "", word.lower())


def flag(value: Any, path: str) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        expected = _("True or False; it is {value}", value=brief(value))
        raise refuse(path, expected, _("write True or False"))
    return value


def number(least: int, most: int) -> Parser:
    """A whole number between two."""

    def parse(value: Any, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            expected = _(
                "a number from {least} to {most}; it is {value}",
                least=least,
                most=most,
                value=brief(value),
            )
            is_number = isinstance(value, int) and not isinstance(value, bool)
            remedy = _("choose one of these") if is_number else _("write the number without quotes")
            raise refuse(path, expected, remedy)
        return value

    return parse


port = number(1, 65535)


def open_port(value: Any, path: str) -> int | str:
    """A TCP port as a number, a UDP port as ``51820/udp``."""
    match = re.fullmatch(r"([0-9]{1,5})/(tcp|udp)", value) if isinstance(value, str) else None
    if match is None and isinstance(value, str) and not value.isdigit():
        expected = _(
            "a TCP port as 8443, a UDP port as “51820/udp”; it is {value}", value=brief(value)
        )
        raise refuse(path, expected, _("name each port by itself: there are no ranges"))
    if match is None:
        return int(port(value, path))
    found = int(port(int(match[1]), path))
    return found if match[2] == "tcp" else f"{found}/udp"


def listing(item: Parser) -> Parser:
    """A list of one kind."""

    def parse(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise refuse(path, _("a list"), _("write it in square brackets"))
        return tuple(item(entry, f"{path}[{index}]") for index, entry in enumerate(value))

    return parse


def _without_scope(value: Any) -> str:
    """A text that may be an address; a scope (``%eth0``) is a link's own, and may hold anything."""
    return value if isinstance(value, str) and "%" not in value else ""


def address(value: Any, path: str) -> str:
    """An IP address, in its usual form."""
    try:
        return str(ipaddress.ip_address(_without_scope(value)))
    except ValueError:
        expected = _("an IP address; it is {value}", value=brief(value))
        raise refuse(path, expected, _("write it as 203.0.113.10 or 2001:db8::10")) from None


def network(value: Any, path: str) -> str:
    """A network, in its usual form."""
    try:
        return str(ipaddress.ip_network(_without_scope(value)))
    except ValueError:
        expected = _("a network; it is {value}", value=brief(value))
        raise refuse(path, expected, _("write it as 10.0.0.0/8 or fd00::/8")) from None


def is_url(value: Any) -> bool:
    """Whether a value is an address of the web."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
        return bool(is_line(value) and re.fullmatch(URL, value) and parts.hostname) and (
            parts.port is None or parts.port > 0
        )
    except ValueError:  # "http://[", port 70000
        return False


def url(value: Any, path: str) -> str:
    """An address of the web."""
    if not is_url(value):
        expected = _("a URL; it is {value}", value=brief(value))
        raise refuse(path, expected, _("write it with https:// in front"))
    return str(value)


def time_zone(value: Any, path: str) -> str:
    """A time zone that Debian has."""
    if isinstance(value, str) and re.fullmatch(rf"(?:{AREAS})/[A-Za-z0-9_+/-]+|UTC", value):
        try:
            return zoneinfo.ZoneInfo(value).key
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            pass
    known = [each for each in zoneinfo.available_timezones() if re.match(AREAS, each)]
    near = (difflib.get_close_matches(str(value)[:80], known, n=1) or ["Asia/Shanghai"])[0]
    raise refuse(path, _("a time zone's name"), _('write "{near}"', near=near))


def secret(value: Any, path: str) -> Secret:
    """A secret; the message does not show it."""
    if isinstance(value, Secret):
        value = value.reveal()
    if not value or not is_line(value):
        expected = _("a secret on one line")
        raise refuse(path, expected, _('read it from the environment: os.environ["NAME"]'))
    return Secret(value)


email = matching(
    r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
    "an email address",
    "write it as admin@example.com",
)
# Its characters mean nothing to a shell, to nginx or to systemd.
file_path = matching(r"(/[\w.@+,=:~-]+)+", "an absolute path", "write it from the first / on")
sha256 = matching(r"[0-9a-f]{64}", "a sha256 in hexadecimal", "copy it from `sha256sum FILE`")
version = matching(r"v?[0-9][0-9A-Za-z.+-]*", "a release tag", "write it as v0.14.27")
