"""One API's database as ``database_url`` names it, and how many connections One API may open."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from one_api_infra.shared.secret import Secret

POSTGRESQL, MYSQL, SQLITE = "postgresql", "mysql", "sqlite"
PORTS = {POSTGRESQL: 5432, MYSQL: 3306}
# go-sql-driver/mysql: user:password@protocol(address)/name?parameters
MYSQL_URL = re.compile(
    r"(?P<user>[^:/@]+)(?::(?P<password>.*))?@(?P<protocol>tcp|unix)\((?P<address>[^)]+)\)"
    r"/(?P<name>[^?]*)(?:\?(?P<parameters>.*))?"
)
# What Go's net/url takes before the last @; all else is written as %23.
USERINFO = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*")
REDIS = re.compile(
    r"rediss?://(?:(?P<login>[^/]*)@)?(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?"
    r"(?:/\d{0,5})?(?:\?[!-~]*)?"
    r"|unix://(?:(?P<socket_login>[^/]*)@)?/[!-~]+"
)
# It reaches a shell's /dev/tcp, and a name with other signs is none.
HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
SPARE = 5  # connections that are left to backups and to people


@dataclass(frozen=True)
class Address:
    """Where a database is; ``socket`` in the place of host and port where it is a file.

    ``tls`` is ``off``, ``preferred``, ``unverified`` or ``verified``.
    """

    kind: str
    user: str
    password: Secret
    name: str
    host: str = ""
    port: int = 0
    socket: str = ""
    tls: str = "preferred"


@dataclass(frozen=True)
class Cache:
    """One API's own cache (Redis, Valkey); ``error`` is empty where it answers."""

    error: str


@dataclass(frozen=True)
class Database:
    """What the database tells to One API's user; ``limit`` is 0 where none counts (SQLite).

    ``error``: why it does not answer; ``refusal``: why it takes no writes. ``obstacle`` says of
    SQLite what stands behind either: ``gone``, ``rights``, ``read_only``,
    ``locked`` or ``damaged``;
    ``journal`` is its mode (``wal``, ``delete``). ``is_local``: it is a server on this host.
    """

    at: float
    kind: str
    error: str
    refusal: str = ""
    obstacle: str = ""
    limit: int = 0
    reserved: int = 0
    clients: int = 0
    journal: str = ""
    is_local: bool = False
    server_address: str | None = None
    has_epay_key: bool = False
    cache: Cache | None = None


def parse(url: str) -> Address:
    """The address of a URL in One API's own form; ValueError if it is none."""
    if url.startswith(("postgres://", "postgresql://")):
        return _postgresql(url)
    found = MYSQL_URL.fullmatch(url)
    if not found:
        raise ValueError("neither postgres://… nor user:password@tcp(host:3306)/name")
    is_split = "?" in (found["password"] or "") and not found["parameters"]
    if not found["name"] or "/" in (found["parameters"] or "") or is_split:
        raise ValueError("no name, a / that is not %2F, or a ? at which One Hub adds its own")
    modes = {"true": "verified", "skip-verify": "unverified", "preferred": "preferred"}
    parameters = dict(parse_qsl(found["parameters"] or ""))
    known = (MYSQL, found["user"], Secret(found["password"] or ""), found["name"])
    tls = modes.get(parameters.get("tls", ""), "off")
    if found["protocol"] == "unix":
        return Address(*known, socket=found["address"], tls="off")
    host, port = _host(found["address"], PORTS[MYSQL])
    return Address(*known, host, port, tls=tls)


def _postgresql(url: str) -> Address:
    parts = urlsplit(url)
    if not USERINFO.fullmatch(parts.netloc.rpartition("@")[0]):
        raise ValueError("signs that are to be written as %23")
    parameters = dict(parse_qsl(parts.query))
    modes = {"disable": "off", "require": "unverified"}
    modes |= {"verify-ca": "verified", "verify-full": "verified"}
    host = parts.hostname or parameters.get("host", "")
    known = (POSTGRESQL, unquote(parts.username or ""), Secret(unquote(parts.password or "")))
    name, port = unquote(parts.path[1:]), parts.port or PORTS[POSTGRESQL]
    tls = modes.get(parameters.get("sslmode", ""), "preferred")
    if not (host.startswith("/") or not host or HOST.fullmatch(host)):
        raise ValueError(f"no host: {host}")
    if host.startswith("/"):
        return Address(*known, name, socket=f"{host}/.s.PGSQL.{port}", tls="off")
    return Address(*known, name, host or "localhost", port, tls=tls)


def is_redis(url: str) -> bool:
    """Whether go-redis and redis-py take a URL."""
    found = REDIS.fullmatch(url)
    return bool(found and USERINFO.fullmatch(found["login"] or found["socket_login"] or ""))


def with_short_scheme(url: str) -> str:
    """A URL for editions that know PostgreSQL by ``postgres://`` alone."""
    rest = url.removeprefix("postgresql://")
    return url if rest == url else f"postgres://{rest}"


def _host(address: str, port: int) -> tuple[str, int]:
    found = re.fullmatch(r"\[?(?P<host>[^\]]+?)\]?(?::(?P<port>\d+))?", address)
    if not found or not HOST.fullmatch(found["host"]):
        raise ValueError(f"no host: {address}")
    return found["host"], int(found["port"] or port)


def pool(connections: int) -> Mapping[str, str]:
    """One API's variables for so many connections: its own 1,000 are refused by every server."""
    return {
        "SQL_MAX_OPEN_CONNS": str(connections),
        "SQL_MAX_IDLE_CONNS": str(max(connections // 2, 1)),
    }


def allowed(limit: int, reserved: int, clients: int) -> int:
    """How many connections each of ``clients`` hosts may open at a server of ``limit``."""
    return max((limit - reserved - SPARE) // max(clients, 1), 1)
