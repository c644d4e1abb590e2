"""One API's database and cache, looked at as One API itself: what their own limits are, and what
its API does not tell. A unit of One API's own user runs it; whether it could write is tried by an
update of no row.
"""

import contextlib
import importlib.util
import os
import sqlite3
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from one_api_infra.server.local import CommandError, edition, head_of, run, site
from one_api_infra.shared import database, environment_file, paths, plain, units
from one_api_infra.shared.database import MYSQL, POSTGRESQL, SQLITE, Address, Cache, Database
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.texts import _
from one_api_infra.shared.unobserved import Unobserved

DAMAGED = ("malformed", "not a database", "no such table", "disk I/O error")
WAL, USER = "wal", "one-api"
DRIVERS = ("pg8000", "pymysql", "redis")
PATIENCE = 30.0  # seconds for whoever holds a lock
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
TIMEOUT = 3  # seconds for a query; a hostile view would never end
URL, CACHE = "SQL_DSN", "REDIS_CONN_STRING"
EPAY = "EpayKey"
# Of no row: it needs every right, lock and medium that a write needs, and changes nothing.
WRITE = "UPDATE options SET value = value WHERE 1 = 0"
RESERVED = (
    "SELECT coalesce(sum(setting::int), 0) FROM pg_settings WHERE name IN"
    " ('superuser_reserved_connections', 'reserved_connections')"
)
POSTGRESQL_CLIENTS = (
    "SELECT count(DISTINCT coalesce(host(client_addr), '')) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = current_user"
)
MYSQL_CLIENTS = (
    "SELECT count(DISTINCT substring_index(host, ':', 1)) FROM information_schema.processlist"
    " WHERE db = database()"
)


@dataclass(frozen=True)
class Left:
    """What a look leaves; only root and the callback service may read the gateways' keys.

    They are named by One API's options.
    """

    database: Database
    keys: Mapping[str, str]


class Query(Protocol):
    """Runs a query of ours with its values; the rows."""

    def __call__(self, text: str, *values: str) -> list[tuple[Any, ...]]: ...


def look() -> None:
    """Print what the database and the cache tell, and the keys that only the database holds.

    systemd writes it to a file of root's: this user could put a link in the place of its own.
    """
    urls = given()
    found, keys = Database(time.time(), SQLITE, ""), dict[str, str]()
    try:
        found = placed(found, urls.get(URL, ""))
        with opened(urls.get(URL, "")) as (kind, query):
            found = limits(replace(found, kind=kind), query)
            found = replace(found, server_address=_option(kind, query, "ServerAddress"))
            found = replace(found, refusal=_refusal(query))
            if kind == SQLITE:
                found = replace(found, journal=str(query("PRAGMA journal_mode")[0][0]))
            keys = {name: _option(kind, query, name) for name in edition(site()).key_options}
    except Exception as error:  # of three drivers; each is a database that does not answer
        found = replace(found, error=reason(error))
    if found.kind == SQLITE:
        found = replace(found, obstacle=_obstacle(found))
    cache = Cache(_cache(urls[CACHE])) if CACHE in urls else None
    found = replace(found, cache=cache, has_epay_key=bool(keys.get(EPAY)))
    print(plain.write(Left(found, {name: key for name, key in keys.items() if key})))


def journal_on_disk() -> str:
    """``wal`` or ``rollback``, by the file's own header (https://sqlite.org/fileformat2.html)."""
    try:
        header = head_of(USER, paths.DATABASE, 20)
    except (OSError, KeyError):
        return ""
    return {1: "rollback", 2: "wal"}.get(header[18], "") if len(header) == 20 else ""


def journal() -> None:
    """Let SQLite write ahead, as One API's user: who reads or copies then holds up no writer."""
    path = f"file:{paths.DATABASE}?mode=rw"
    try:
        with contextlib.closing(sqlite3.connect(path, uri=True, timeout=PATIENCE)) as found:
            mode = found.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    except sqlite3.Error as error:
        raise CommandError(_("SQLite does not write ahead: {error}", error=error)) from None
    if mode != WAL:
        raise CommandError(_("SQLite keeps {mode} as its journal's mode", mode=mode))


def given() -> dict[str, str]:
    """The variables that hold the URLs, which systemd hands to the unit."""
    path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"), "given.env")
    return environment_file.values(path.read_text()) if path.exists() else {}


@contextlib.contextmanager
def opened(url: str, timeout: int = TIMEOUT) -> Iterator[tuple[str, Query]]:
    """The kind of the database at a URL (empty: SQLite's file), and the way to query it."""
    if not url:
        path = f"file:{paths.DATABASE}?mode=rw"
        with contextlib.closing(sqlite3.connect(path, uri=True, timeout=2)) as found:
            until = time.monotonic() + timeout
            found.set_progress_handler(lambda: time.monotonic() > until, 10_000)
            yield SQLITE, lambda text, *values: found.execute(text, values).fetchall()
        return
    address = database.parse(url)
    connect = _postgresql if address.kind == POSTGRESQL else _mysql
    made = connect(address, timeout)
    with contextlib.closing(made) as connection:
        cursor = connection.cursor()
        if address.kind == POSTGRESQL:
            cursor.execute(f"SET statement_timeout = {timeout * 1000}")

        def query(text: str, *values: str) -> list[tuple[Any, ...]]:
            cursor.execute(text.replace("?", "%s"), values)
            return list(cursor.fetchall()) if cursor.description else []

        yield address.kind, query


def _postgresql(address: Address, timeout: int) -> Any:
    import pg8000.dbapi  # noqa: PLC0415  # where it is used; others have no such database

    known: dict[str, Any] = {
        "user": address.user, "password": address.password.reveal(), "database": address.name,
        "timeout": timeout,
    }  # fmt: skip
    if address.socket:
        return pg8000.dbapi.connect(**known, unix_sock=address.socket)
    known |= {"host": address.host, "port": address.port}
    try:
        return pg8000.dbapi.connect(**known, ssl_context=_tls(address))
    except pg8000.dbapi.InterfaceError:
        if address.tls != "preferred":
            raise
        return pg8000.dbapi.connect(**known)


def _mysql(address: Address, timeout: int) -> Any:
    import pymysql  # noqa: PLC0415

    known: dict[str, Any] = {
        "user": address.user, "password": address.password.reveal(), "database": address.name,
        "connect_timeout": TIMEOUT, "read_timeout": timeout, "charset": "utf8mb4",
    }  # fmt: skip
    if address.socket:
        return pymysql.connect(**known, unix_socket=address.socket)
    known |= {"host": address.host, "port": address.port}
    if address.tls == "off":
        return pymysql.connect(**known, ssl_disabled=True)
    try:
        return pymysql.connect(**known, ssl=_tls(address))
    except pymysql.err.OperationalError:
        if address.tls != "preferred":
            raise
        return pymysql.connect(**known, ssl_disabled=True)


def _tls(address: Address) -> ssl.SSLContext | None:
    if address.tls == "off":
        return None
    context = ssl.create_default_context()
    if address.tls != "verified":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def placed(found: Database, url: str) -> Database:
    """With its kind, and whether it is a server of this host, before anybody has connected."""
    if not url:
        return found
    address = database.parse(url)
    local = bool(address.socket) or address.host in LOOPBACK
    return replace(found, kind=address.kind, is_local=local)


def _refusal(query: Query) -> str:
    """Why nothing can be written, if so; the connection's end takes the attempt back."""
    try:
        query(WRITE)
    except Exception as error:
        return reason(error)
    return ""


def _obstacle(found: Database) -> str:
    """What keeps SQLite from reading or writing its file."""
    path = Path(paths.DATABASE)
    try:
        if not path.is_file():
            return "gone"
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            return "read_only"
    except OSError:
        return "rights"
    rights = os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)
    if not rights:
        return "rights"
    words = f"{found.error} {found.refusal}"
    if "locked" in words:
        return "locked"
    return "damaged" if any(sign in words for sign in DAMAGED) else ""


def _option(kind: str, query: Query, name: str) -> str:
    column = "`key`" if kind == MYSQL else '"key"'
    found = query(f"SELECT value FROM options WHERE {column} = ?", name)  # noqa: S608
    return str(found[0][0] or "") if found else ""


def limits(found: Database, query: Query) -> Database:
    """With how many connections there may be, are kept back, and how many hosts share them."""
    if found.kind == POSTGRESQL:
        (limit,), (kept,) = query("SHOW max_connections")[0], query(RESERVED)[0]
        clients = query(POSTGRESQL_CLIENTS)[0][0]
    elif found.kind == MYSQL:
        limit, own, kept = (*query("SELECT @@max_connections, @@max_user_connections")[0], 1)
        limit = min(int(limit), int(own) or int(limit))
        clients = query(MYSQL_CLIENTS)[0][0]
    else:
        return found
    counts = {"limit": int(limit), "reserved": int(kept), "clients": max(int(clients), 1)}
    return replace(found, **counts)  # type: ignore[arg-type]


def _cache(url: str) -> str:
    """Why the cache does not answer, if so; without it every call of One API fails."""
    import redis  # noqa: PLC0415

    try:
        client = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=None
        )
        with contextlib.closing(client):
            client.ping()
    except redis.RedisError as error:
        return reason(error)
    except Exception as error:  # of the URL: its words may hold the password
        return type(error).__name__
    return ""


def reason(error: Exception) -> str:
    """An error without what may hold a password: the server's own words, on one line."""
    told = error.args[0] if error.args else ""
    words = told.get("M", "") if isinstance(told, dict) else " ".join(map(str, error.args))
    return " ".join(words.split())[:200] or type(error).__name__


def state(*, fresh: bool = False) -> Database | Unobserved:
    """What was left, without the keys; looked at anew if asked for, or while it is written."""
    if fresh:
        run("systemctl", "start", units.DATABASE)
    try:
        return left(Path(paths.DATABASE_STATE)).database
    except (OSError, ValueError, PlainError) as error:
        if fresh or not has_drivers():
            return Unobserved(str(error))
        return state(fresh=True)


def has_drivers() -> bool:
    """Whether what the databases are asked by is there; on a blank server One API runs before it.

    A look without it would be left as one at a database that does not answer.
    """
    return not Path(paths.GIVEN).exists() or all(map(importlib.util.find_spec, DRIVERS))


def left(path: Path) -> Left:
    """What the last look left in a file; OSError or PlainError."""
    return plain.read(Left, path.read_text())
