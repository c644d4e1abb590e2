"""The settings of a site: their names, what each accepts, and their defaults.

This table is the only list. The example inventories, the READMEs and the errors follow it, and
tests hold them to it.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from one_api_infra import database
from one_api_infra.checks import catalogue
from one_api_infra.domain import Domain
from one_api_infra.problems import InvalidError, Problem
from one_api_infra.secret import Secret
from one_api_infra.texts import _

REQUIRED = object()
EDITIONS = ("one-hub", "new-api", "one-api")
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
PASSWORD_LENGTH = range(8, 21)  # One API's validator, all three editions

Parser = Callable[[Any, str], Any]


@dataclass(frozen=True)
class Setting:
    """One setting; ``parse`` returns the value as the site keeps it or raises InvalidError."""

    parse: Parser
    default: Any = None


def refuse(path: str, expected: str, remedy: str) -> InvalidError:
    """The error of a setting that is not as expected."""
    return InvalidError([Problem(path, expected, remedy)])


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value.strip() or "\n" in value:
        raise refuse(path, _("one line of text"), _("write the value in quotes"))
    return value.strip()


def _matching(pattern: str, expected: str, remedy: str) -> Parser:
    def parse(value: Any, path: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise refuse(path, _(expected), _(remedy))
        return value

    return parse


def _choice(*choices: str) -> Parser:
    def parse(value: Any, path: str) -> str:
        if value not in choices:
            near = difflib.get_close_matches(str(value), choices, n=1) or [choices[0]]
            expected = _(
                "one of {choices}; it is {value!r}", choices=", ".join(choices), value=value
            )
            raise refuse(path, expected, _('write "{near}"', near=near[0]))
        return str(value)

    return parse


def _flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise refuse(
            path, _("True or False; it is {value!r}", value=value), _("write True or False")
        )
    return value


def _port(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 65536:
        expected = _("a port number from 1 to 65535; it is {value!r}", value=value)
        raise refuse(path, expected, _("write the number without quotes"))
    return value


def _open_port(value: Any, path: str) -> int | str:
    """A TCP port as a number, a UDP port as ``51820/udp``."""
    match = re.fullmatch(r"(\d+)/(tcp|udp)", value) if isinstance(value, str) else None
    if match is None:
        return _port(value, path)
    port = _port(int(match[1]), path)
    return port if match[2] == "tcp" else f"{port}/udp"


def _days(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise refuse(path, _("a number of days, 1 or more"), _("write the number without quotes"))
    return value


def _minutes(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise refuse(
            path, _("a number of minutes, 1 or more"), _("write the number without quotes")
        )
    return value


def _list(item: Parser) -> Parser:
    def parse(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise refuse(path, _("a list"), _("write it in square brackets"))
        return tuple(item(entry, f"{path}[{index}]") for index, entry in enumerate(value))

    return parse


def _address(value: Any, path: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        expected = _("an IP address; it is {value!r}", value=value)
        raise refuse(path, expected, _("write it as 203.0.113.10 or 2001:db8::10")) from None


def _network(value: Any, path: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except (ValueError, TypeError):
        expected = _("a network; it is {value!r}", value=value)
        raise refuse(path, expected, _("write it as 10.0.0.0/8 or fd00::/8")) from None


def _url(value: Any, path: str) -> str:
    parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
    if parts.scheme not in {"https", "http"} or not parts.hostname or re.search(r"\s", value):
        expected = _("a URL; it is {value!r}", value=value)
        raise refuse(path, expected, _("write it with https:// in front"))
    return str(value)


def _secret(value: Any, path: str) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not value or "\n" in value:
        expected = _("a secret on one line")
        raise refuse(path, expected, _('read it from the environment: os.environ["NAME"]'))
    return Secret(value)


def _secret_url(value: Any, path: str) -> Secret:
    secret = _secret(value, path)
    if not re.match(r"https?://[^\s/]+", secret.reveal()):
        raise refuse(path, _("a URL"), _("write it with https:// in front"))
    return secret


def _database_url(value: Any, path: str) -> Secret:
    secret = _secret(value, path)
    try:
        database.parse(secret.reveal())
    except ValueError:
        expected = _("a PostgreSQL or MySQL database in One API's own form")
        remedy = _("write postgres://user:password@host/db or user:password@tcp(host:3306)/db")
        raise refuse(path, expected, remedy) from None
    return secret


def _redis_url(value: Any, path: str) -> Secret:
    secret = _secret(value, path)
    if not re.match(r"(rediss?|unix)://\S+$", secret.reveal()):
        raise refuse(path, _("the URL of a Redis"), _("write redis://:password@host:6379/0"))
    return secret


def _connections(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 2:
        expected = _("a number of connections, 2 or more")
        raise refuse(path, expected, _("write the number without quotes"))
    return value


def _root_password(value: Any, path: str) -> Secret:
    secret = _secret(value, path)
    if len(secret.reveal()) not in PASSWORD_LENGTH:
        expected = _("8 to 20 characters, as One API demands")
        raise refuse(path, expected, _("choose another, or leave it out to have one generated"))
    return secret


def _variables(value: Any, path: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise refuse(path, _("names and values"), _('write {"NAME": "value"}'))
    name = _matching(r"[A-Z][A-Z0-9_]*", "a variable's name in capitals", "write it as NAME")
    return tuple(
        (name(key, f"{path}.{key}"), _text(entry, f"{path}.{key}"))
        for key, entry in sorted(value.items())
    )


def _domain(value: Any, path: str) -> Domain:
    return Domain.parse(value, path)


def _lab_domain(value: Any, path: str) -> Domain:
    return Domain.parse(value, path, lab=True)


def _alert_url(value: Any, path: str) -> Secret:
    secret = _secret(value, path)
    if not re.match(r"[a-z][a-z0-9+]*://\S+$", secret.reveal()):
        expected = _("a channel's URL as apprise takes it")
        raise refuse(path, expected, _("write it as dingtalk://token or mailto://…"))
    return secret


def _check_id(value: Any, path: str) -> str:
    if value not in catalogue.BY_ID:
        near = difflib.get_close_matches(str(value), catalogue.BY_ID, n=1, cutoff=0.0)
        expected = _("the id of a check; it is {value!r}", value=value)
        raise refuse(path, expected, _('write "{near}"', near=near[0]))
    return str(value)


_email = _matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an email address", "write it as admin@example.com")
_path = _matching(r"/[^\s\0]+", "an absolute path", "write it from the first / on")
_sha256 = _matching(r"[0-9a-f]{64}", "a sha256 in hexadecimal", "copy it from `sha256sum FILE`")
_version = _matching(r"v?[0-9][0-9A-Za-z.+-]*", "a release tag", "write it as v0.14.27")
_zone = _matching(r"[A-Za-z][A-Za-z0-9_+/-]*", "a time zone's name", "write it as Asia/Shanghai")

SETTINGS: dict[str, Setting] = {
    "domain": Setting(_domain, REQUIRED),
    "callback_domain": Setting(_domain),
    "acme_email": Setting(_email),
    "edition": Setting(_choice(*EDITIONS), "one-hub"),
    "version": Setting(_version),
    "artifact": Setting(_text),
    "artifact_mirror": Setting(_url),
    "artifact_sha256": Setting(_sha256),
    "one_api_port": Setting(_port, 3000),
    "root_password": Setting(_root_password),
    "database_url": Setting(_database_url),
    "database_connections": Setting(_connections, 50),
    "redis_url": Setting(_redis_url),
    "overload_guard": Setting(_flag, False),
    "environment": Setting(_variables, ()),
    "token_encoders": Setting(_flag, True),
    "tiktoken_data": Setting(_path),
    "time_zone": Setting(_zone, "Asia/Shanghai"),
    "certificate": Setting(_choice("acme", "external"), "acme"),
    "certificate_file": Setting(_path),
    "certificate_key_file": Setting(_path),
    "acme_server": Setting(_url, LETS_ENCRYPT),
    "acme_staging_server": Setting(_url),
    "acme_ca_file": Setting(_path),
    "trusted_ca_file": Setting(_path),
    "acme_profile": Setting(_matching(r"[a-z0-9]+", "a profile's name", "write it as tlsserver")),
    "key_type": Setting(_choice("ecdsa", "rsa"), "ecdsa"),
    "certbot": Setting(_choice("venv", "distribution"), "venv"),
    "pip_index": Setting(_url),
    "connections_per_address": Setting(_connections, 512),
    "open_ports": Setting(_list(_open_port), ()),
    "public_addresses": Setting(_list(_address), ()),
    "dns_resolvers": Setting(_list(_address), ()),
    "log_days": Setting(_days, 180),
    "callbacks": Setting(_choice("on", "off"), "on"),
    "gateway_networks": Setting(_list(_network), ()),
    "reconcile": Setting(_choice("act", "report"), "act"),
    "alert_urls": Setting(_list(_alert_url), ()),
    "alert_quiet_minutes": Setting(_minutes, 60),
    "heartbeat_url": Setting(_secret_url),
    "language": Setting(_choice("zh_CN", "en"), "zh_CN"),
    "waive": Setting(_list(_check_id), ()),
    "lab": Setting(_flag, False),
}


def parse(data: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting's value, defaults filled in; raises InvalidError with all problems at once."""
    problems = [_unknown(name) for name in data if name not in SETTINGS]
    values: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        try:
            values[name] = _value(name, setting, data)
        except InvalidError as error:
            problems += error.problems
    problems += _contradictions(values) if not problems else []
    if problems:
        raise InvalidError(problems)
    return values


def _value(name: str, setting: Setting, data: Mapping[str, Any]) -> Any:
    if name in data and (data[name] is not None or setting.default is not None):
        in_lab = data.get("lab") is True and setting.parse is _domain
        return (_lab_domain if in_lab else setting.parse)(data[name], name)
    if setting.default is REQUIRED:
        raise refuse(name, _("this setting is needed"), _('add "{name}": … to the host', name=name))
    return setting.default


def _unknown(name: str) -> Problem:
    near = difflib.get_close_matches(name, SETTINGS, n=1, cutoff=0.5)
    remedy = _('write "{near}"', near=near[0]) if near else _("remove it")
    return Problem(name, _("there is no such setting"), remedy)


def _contradictions(values: Mapping[str, Any]) -> list[Problem]:
    """Rules over more than one setting."""
    problems = []
    external = values["certificate"] == "external"
    files = ("certificate_file", "certificate_key_file")
    for name in files if external else ():
        if not values[name]:
            expected = _('certificate = "external" needs this path on the server')
            problems.append(Problem(name, expected, _("name the file, or remove `certificate`")))
    if not external and not values["acme_email"]:
        expected = _("the CA needs an address to write to")
        problems.append(Problem("acme_email", expected, _('add "acme_email": "you@DOMAIN"')))
    for name in ("artifact", "artifact_mirror"):
        is_plain = str(values[name] or "").startswith("http://")
        if is_plain and not values["artifact_sha256"]:
            expected = _("over http:// anybody on the way can send another program")
            remedy = _("write it with https:// in front, or add `artifact_sha256`")
            problems.append(Problem(name, expected, remedy))
    if values["one_api_port"] in {22, 80, 443}:
        expected = _("a port that ssh and nginx do not use")
        problems.append(Problem("one_api_port", expected, _("leave it out: 3000 is right")))
    if values["certbot"] == "distribution" and values["acme_profile"]:
        expected = _("profiles need certbot 4.1 or newer")
        problems.append(Problem("acme_profile", expected, _('remove "certbot": "distribution"')))
    return problems
