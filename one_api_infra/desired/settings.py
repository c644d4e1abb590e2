"""The settings of a site: their names, what each accepts, and their defaults.

This table is the only list. The example inventories, the READMEs and the errors follow it, and
tests hold them to it.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from one_api_infra.checks import catalogue
from one_api_infra.desired import contradictions, parsers, proxies
from one_api_infra.desired.domain import Domain, special
from one_api_infra.desired.parsers import Parser, matching, refuse
from one_api_infra.shared import database, editions, environment_file, repository
from one_api_infra.shared.secret import Secret
from one_api_infra.shared.texts import _
from one_api_infra.shared.tunnel import Tunnel
from one_api_infra.shared.validation import Problem, ValidationError

REQUIRED = object()
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"

KEEP = {"hourly": 24, "daily": 14, "weekly": 8, "monthly": 12}
FOLDERS = ("/srv/", "/mnt/", "/media/", "/backup", "/data")


@dataclass(frozen=True)
class Setting:
    """One setting; ``parse`` returns the value for the site or raises ValidationError."""

    parse: Parser
    default: Any = None


def _artifact(value: Any, path: str) -> str:
    if not (parsers.is_url(value) or (parsers.is_line(value) and value.strip(" -"))):
        raise refuse(path, _("a URL or a file"), _("name One API's executable on this machine"))
    return str(value)


def _secret_url(value: Any, path: str) -> Secret:
    secret = parsers.secret(value, path)
    if not parsers.is_url(secret.reveal()):
        raise refuse(path, _("a URL"), _("write it with https:// in front"))
    return secret


def _acme_email(value: Any, path: str) -> str:
    """Of a mailbox that there is: Let's Encrypt knows what examples hold."""
    found = str(parsers.email(value, path))
    if special(found.rpartition("@")[2].lower()):
        expected = _("an address of yours: the CA refuses an example's")
        raise refuse(path, expected, _("write one at which you read mail"))
    return found


def _database_url(value: Any, path: str) -> Secret:
    secret = parsers.secret(value, path)
    try:
        database.parse(secret.reveal())
    except ValueError:
        expected = _("a PostgreSQL or MySQL database in One API's own form")
        remedy = _(
            "write postgres://user:password@host/db, where {signs};"
            " or user:password@tcp(host:3306)/db",
            signs=_(parsers.SIGNS),
        )
        raise refuse(path, expected, remedy) from None
    return secret


def _redis_url(value: Any, path: str) -> Secret:
    secret = parsers.secret(value, path)
    if not database.is_redis(secret.reveal()):
        remedy = _("write redis://:password@host:6379/0; {signs}", signs=_(parsers.SIGNS))
        raise refuse(path, _("the URL of a Redis"), remedy)
    return secret


def _root_password(value: Any, path: str) -> Secret:
    secret = parsers.secret(value, path)
    # All editions demand 8 to 20 characters; other than these are stored, but cannot log in.
    if not re.fullmatch(r"[!-~]{8,20}", secret.reveal()):
        expected = _("8 to 20 letters, digits and signs without a blank, as One API demands")
        raise refuse(path, expected, _("choose another, or leave it out to have one generated"))
    return secret


def _variables(value: Any, path: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise refuse(path, _("names and values"), _('write {"NAME": "value"}'))
    pairs = sorted(value.items(), key=lambda pair: str(pair[0]))
    return tuple(
        (_variable(key, f"{path}.{key}"), _value_of(text, f"{path}.{key}")) for key, text in pairs
    )


_variable = matching(r"[A-Z][A-Z0-9_]{0,99}", "a variable's name in capitals", "write it as NAME")


def _value_of(value: Any, path: str) -> str:
    if not environment_file.is_value(value):
        expected = _(
            "text that a process' environment can hold, of {most} bytes at most",
            most=environment_file.MOST,
        )
        raise refuse(path, expected, _("write the value in quotes"))
    return str(value)


def _pip_index(value: Any, path: str) -> str:
    """It stands in command lines, which every user of the server may read."""
    found = str(parsers.url(value, path))
    if "@" in urlsplit(found).netloc:
        expected = _("the URL of an index, without a password")
        remedy = _("write the password into root's ~/.netrc: machine HOST login NAME password …")
        raise refuse(path, expected, remedy)
    return found


def _repository(value: Any, path: str) -> Secret:
    secret = parsers.secret(value, path)
    try:
        found = repository.parse(secret.reveal())
    except ValueError:
        expected = _("a repository of restic")
        remedy = _(
            "write it as sftp:user@host:/folder, rest:https://user:password@host/,"
            " s3:https://host/bucket or /folder"
        )
        raise refuse(path, expected, remedy) from None
    if found.folder and not found.folder.startswith(FOLDERS):
        expected = _("a folder that a backup may write and that is not part of it")
        raise refuse(path, expected, _("write it as /srv/backup or /mnt/backup"))
    return secret


def _secret_variables(value: Any, path: str) -> tuple[tuple[str, Secret], ...]:
    return tuple((name, Secret(text)) for name, text in _variables(value, path))


def _keep(value: Any, path: str) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, Mapping) or not set(value) <= set(KEEP) or not any(value.values()):
        raise refuse(path, _("how many snapshots are kept"), _('write {"daily": 14, "weekly": 8}'))
    count = parsers.number(0, 10_000)
    return tuple((unit, count(value.get(unit, 0), f"{path}.{unit}")) for unit in KEEP)


def _domain(value: Any, path: str) -> Domain:
    return Domain.parse(value, path)


def _lab_domain(value: Any, path: str) -> Domain:
    return Domain.parse(value, path, lab=True)


def _certificate_name(value: Any, path: str, *, lab: bool = False) -> str:
    """A domain, or all names of one label below one."""
    star, rest = ("*.", value[2:]) if str(value).startswith("*.") else ("", value)
    return f"{star}{Domain.parse(rest, path, lab=lab)}"


def _lab_certificate_name(value: Any, path: str) -> str:
    return _certificate_name(value, path, lab=True)


def _tunnels(value: Any, path: str, *, lab: bool = False) -> tuple[Tunnel, ...]:
    if not isinstance(value, Mapping):
        remedy = _('write {"alice": {"domain": "alice.dev.example.com", "key": "ssh-ed25519 …"}}')
        raise refuse(path, _("developers' names, each with a domain and a key"), remedy)
    pairs = sorted(value.items(), key=lambda pair: str(pair[0]))
    return tuple(_tunnel(name, of, f"{path}.{name}", lab=lab) for name, of in pairs)


def _tunnel(name: Any, value: Any, path: str, *, lab: bool) -> Tunnel:
    if not isinstance(value, Mapping) or set(value) != {"domain", "key"}:
        remedy = _('write {"domain": "alice.dev.example.com", "key": "ssh-ed25519 …"}')
        raise refuse(path, _("a domain and a key"), remedy)
    domain = Domain.parse(value["domain"], f"{path}.domain", lab=lab)
    key = value["key"].strip() if isinstance(value["key"], str) else value["key"]
    return Tunnel(_tunnel_name(name, path), str(domain), _public_key(key, f"{path}.key"))


def _lab_tunnels(value: Any, path: str) -> tuple[Tunnel, ...]:
    return _tunnels(value, path, lab=True)


def _alert_url(value: Any, path: str) -> Secret:
    secret = parsers.secret(value, path)
    if not re.fullmatch(r"[a-z][a-z0-9+]*://\S+", secret.reveal()):
        expected = _("a channel's URL as apprise takes it")
        raise refuse(path, expected, _("write it as dingtalk://token or mailto://…"))
    return secret


def _check_id(value: Any, path: str) -> str:
    if not isinstance(value, str) or value not in catalogue.BY_ID:
        expected = _("the id of a check; it is {value}", value=parsers.brief(value))
        raise refuse(path, expected, parsers.instead(value, catalogue.BY_ID))
    return value


_known_host = matching(
    r"[\w.:,\[\]-]+ (ssh-|ecdsa-|sk-)[\w@.-]+ [A-Za-z0-9+/=]+",
    "a line of known_hosts",
    "copy it from `ssh-keyscan HOST`, and compare it with what the host's console shows",
)
_tunnel_name = matching(
    r"[a-z][a-z0-9-]{0,15}", "a name of at most 16 small letters and digits", "write it as alice"
)
_public_key = matching(
    r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-\S+|sk-\S+) [A-Za-z0-9+/=]+( [^\x00-\x1f\x7f]*)?",
    "a public key of ssh",
    "copy the line of `cat ~/.ssh/id_ed25519.pub`; `ssh-keygen -t ed25519` makes one",
)
_time_of_day = matching(
    r"([01][0-9]|2[0-3]):[0-5][0-9]", "a time of the server's own clock", "write it as 04:30"
)
_dns_provider = matching(
    r"[a-z][a-z0-9-]{0,40}",
    "a DNS provider's code of lego",
    "write it as alidns, tencentcloud, cloudflare",
)
_profile = matching(r"[a-z0-9]{1,40}", "a profile's name", "write it as tlsserver")

_certificate_names = parsers.listing(_certificate_name)

SETTINGS: dict[str, Setting] = {
    "domain": Setting(_domain, REQUIRED),
    "callback_domain": Setting(_domain),
    "acme_email": Setting(_acme_email),
    "edition": Setting(parsers.choice(*editions.EDITIONS), "one-hub"),
    "version": Setting(parsers.version),
    "artifact": Setting(_artifact),
    "artifact_mirror": Setting(parsers.url),
    "artifact_sha256": Setting(parsers.sha256),
    "one_api_port": Setting(parsers.number(1024, 65535), 3000),
    "one_api_second_port": Setting(parsers.number(1024, 65535), 3001),
    "drain_minutes": Setting(parsers.number(1, 24 * 60), 30),
    "upgrade_max_failures": Setting(parsers.number(1, 100), 5),
    "upgrade_max_slowdown": Setting(parsers.number(2, 1000), 3),
    "reboot_time": Setting(_time_of_day),
    "root_password": Setting(_root_password),
    "database_url": Setting(_database_url),
    "database_connections": Setting(parsers.number(2, 100_000), 50),
    "redis_url": Setting(_redis_url),
    "overload_guard": Setting(parsers.flag, False),
    "environment": Setting(_variables, ()),
    "token_encoders": Setting(parsers.flag, True),
    "tiktoken_data": Setting(parsers.file_path),
    "time_zone": Setting(parsers.time_zone, "Asia/Shanghai"),
    "certificate": Setting(parsers.choice("acme", "external"), "acme"),
    "certificate_file": Setting(parsers.file_path),
    "certificate_key_file": Setting(parsers.file_path),
    "acme_server": Setting(parsers.url, LETS_ENCRYPT),
    "acme_staging_server": Setting(parsers.url),
    "acme_ca_file": Setting(parsers.file_path),
    "trusted_ca_file": Setting(parsers.file_path),
    "acme_profile": Setting(_profile),
    "acme_challenge": Setting(parsers.choice("http-01", "dns-01"), "http-01"),
    "acme_dns_provider": Setting(_dns_provider),
    "acme_dns_credentials": Setting(_secret_variables, ()),
    "acme_dns_seconds": Setting(parsers.number(0, 3600), 60),
    "certificate_names": Setting(_certificate_names, ()),
    "key_type": Setting(parsers.choice("ecdsa", "rsa"), "ecdsa"),
    "certbot": Setting(parsers.choice("venv", "distribution"), "venv"),
    "pip_index": Setting(_pip_index),
    "pip_wheels": Setting(parsers.choice("server", "admin"), "server"),
    "connections_per_address": Setting(parsers.number(2, 100_000), 512),
    "open_ports": Setting(parsers.listing(parsers.open_port), ()),
    "public_addresses": Setting(parsers.listing(parsers.address), ()),
    "dns_resolvers": Setting(parsers.listing(parsers.address), ()),
    "log_days": Setting(parsers.number(1, 3650), 180),
    "callbacks": Setting(parsers.choice("on", "off"), "on"),
    "gateway_networks": Setting(parsers.listing(parsers.network), ()),
    "reconcile": Setting(parsers.choice("act", "report"), "act"),
    "trusted_proxies": Setting(parsers.listing(proxies.proxy), ()),
    "proxy_protocol": Setting(parsers.flag, False),
    "alert_urls": Setting(parsers.listing(_alert_url), ()),
    "alert_quiet_minutes": Setting(parsers.number(1, 10_080), 60),
    "heartbeat_url": Setting(_secret_url),
    "moves_from": Setting(parsers.address),
    "backup": Setting(parsers.listing(_repository), ()),
    "backup_password": Setting(parsers.secret),
    "backup_environment": Setting(_secret_variables, ()),
    "backup_ssh_key_file": Setting(parsers.file_path),
    "backup_ssh_known_hosts": Setting(parsers.listing(_known_host), ()),
    "backup_minutes": Setting(parsers.number(5, 10_080), 60),
    "backup_keep": Setting(_keep, tuple(KEEP.items())),
    "backup_stream": Setting(parsers.flag, True),
    "backup_prune": Setting(parsers.choice("server", "admin"), "server"),
    "backup_kib_per_second": Setting(parsers.number(0, 10_000_000), 0),
    "tunnels": Setting(_tunnels, ()),
    "language": Setting(parsers.choice("zh_CN", "en"), "zh_CN"),
    "waive": Setting(parsers.listing(_check_id), ()),
    "lab": Setting(parsers.flag, False),
}


# pyinfra's own names of how a host is reached, and ours of its key.
CONNECTION = (
    *("ssh_user", "ssh_port", "ssh_hostname", "ssh_key", "ssh_key_password", "ssh_password"),
    *("ssh_fingerprint", "ssh_config_file", "ssh_known_hosts_file", "ssh_allow_agent"),
    *("ssh_forward_agent", "ssh_look_for_keys", "ssh_strict_host_key_checking"),
    *("ssh_connect_retries", "ssh_connect_retry_max_delay", "ssh_connect_retry_min_delay"),
    *("ssh_file_transfer_protocol", "ssh_paramiko_connect_kwargs"),
    *("_sudo", "_sudo_user", "_sudo_password", "_su_user", "_su_shell", "_su_password"),
    *("_doas", "_doas_user"),
)
IN_LAB: Mapping[Parser, Parser] = {
    _acme_email: parsers.email,
    _domain: _lab_domain,
    _tunnels: _lab_tunnels,
    _certificate_names: parsers.listing(_lab_certificate_name),
}


def tunnels(data: Mapping[str, Any]) -> tuple[Tunnel, ...]:
    """The tunnels of a host's data alone: a developer's inventory may hold nothing else."""
    found: tuple[Tunnel, ...] = _value("tunnels", SETTINGS["tunnels"], data)
    return found


def parse(data: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting's value, with defaults; raises ValidationError with all problems at once."""
    problems = [_unknown(name) for name in data if name not in SETTINGS]
    values: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        try:
            values[name] = _value(name, setting, data)
        except ValidationError as error:
            problems += error.problems
    problems += contradictions.found(values)
    if problems:
        raise ValidationError(problems)
    return values


def _value(name: str, setting: Setting, data: Mapping[str, Any]) -> Any:
    if name in data and (data[name] is not None or setting.default is not None):
        in_lab = IN_LAB.get(setting.parse) if data.get("lab") is True else None
        return (in_lab or setting.parse)(data[name], name)
    if setting.default is REQUIRED:
        raise refuse(name, _("this setting is needed"), _('add "{name}": … to the host', name=name))
    return setting.default


def _unknown(name: str) -> Problem:
    near = difflib.get_close_matches(str(name), (*SETTINGS, *CONNECTION), n=1, cutoff=0.5)
    remedy = _('write "{near}"', near=near[0]) if near else _("remove it")
    return Problem(str(name), _("there is no such setting"), remedy)
