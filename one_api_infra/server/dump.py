"""A copy of One API's database that is consistent, for the backup to read; as One API's own user.

A file first, and only then the backup: restic takes a program that dies while it writes to
restic's input for a short file.
"""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from one_api_infra.server import database, dump_file
from one_api_infra.server.database import Query
from one_api_infra.server.local import CommandError, site, write
from one_api_infra.shared import paths, plain
from one_api_infra.shared.backup import DATABASE_FILE, FACTS_FILE, Facts
from one_api_infra.shared.database import MYSQL, POSTGRESQL, SQLITE, Address, parse
from one_api_infra.shared.texts import _

# Tables that hand ids out, where the edition has them; keys and order numbers are made of some.
TABLES = ("users", "tokens", "orders", "top_ups", "redemptions", "channels", "payments")
ROOM = 256 * 2**20  # bytes that must be left for One API
SSL_MODES = {"off": "disable", "preferred": "prefer", "unverified": "require",
             "verified": "verify-full"}  # fmt: skip
ROOTS = "/etc/ssl/certs/ca-certificates.crt"
PATIENCE = 300  # seconds for counting the rows of a large table
PG_DUMP = ("pg_dump", "--format=plain", "--no-owner", "--no-privileges", "--clean", "--if-exists")
# Another program's tables in the same database: they may have the same names.
OTHER_SCHEMAS = """SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'
AND nspname NOT IN ('information_schema', current_schema())"""
MARIADB_DUMP = ("--single-transaction", "--complete-insert", "--skip-extended-insert",
                "--no-autocommit", "--hex-blob", "--no-tablespaces")  # fmt: skip


def dump() -> None:
    """Make the copy, and note what it holds; CommandError leaves the one before."""
    folder = os.open(paths.DUMP, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # the backup's and an upgrade's would destroy each other
        _dump()
    finally:
        os.close(folder)


def _dump() -> None:
    url = database.given().get(database.URL, "")
    new = Path(paths.DUMP, f"{DATABASE_FILE}.new")
    for end in ("", "-journal", "-wal"):  # of one that was killed
        Path(f"{new}{end}").unlink(missing_ok=True)
    try:
        facts = _sqlite(new) if not url else _of_server(parse(url), url, new)
    except (OSError, sqlite3.Error, ValueError) as error:
        raise CommandError(f"one-api-infra: dump: {error}") from None
    Path(paths.DUMP, FACTS_FILE).unlink(missing_ok=True)  # never that of another copy
    new.rename(Path(paths.DUMP, DATABASE_FILE))
    write(Path(paths.DUMP, FACTS_FILE), plain.write(facts))


def _sqlite(new: Path) -> Facts:
    """By SQLite's own backup in one step: it reads one state, and holds up no writer in WAL."""
    need_room(Path(paths.DUMP), Path(paths.DATABASE))
    source = f"file:{paths.DATABASE}?mode=rw"
    with (
        contextlib.closing(sqlite3.connect(source, uri=True, timeout=database.PATIENCE)) as live,
        contextlib.closing(sqlite3.connect(new)) as copy,
    ):
        copy.execute("PRAGMA synchronous = OFF")
        began = time.time()
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        return sqlite_facts(copy, began)


def sqlite_facts(copy: sqlite3.Connection, at: float) -> Facts:
    """What a copy holds that was made at ``at``."""
    return _facts(SQLITE, at, lambda text, *_values: copy.execute(text).fetchall())


def need_room(folder: Path, *sources: Path) -> None:
    """CommandError unless there is room for a copy of files, and some for One API beside it."""
    need_bytes(folder, sum(each.stat().st_size for each in sources if each.exists()))


def need_bytes(folder: Path, size: int) -> None:
    """CommandError unless a folder takes so much, and leaves some for One API."""
    free = shutil.disk_usage(folder).free
    if free < size + ROOM:
        raise CommandError(
            _(
                "one-api-infra: no room for a copy of the database: {needed} MiB are needed in"
                " {path}, {free} are free",
                needed=(size + ROOM) >> 20,
                path=folder,
                free=free >> 20,
            )
        )


def _facts(kind: str, at: float, query: Query) -> Facts:
    """What a database holds, by queries."""
    current = site()
    there = [name for name in TABLES if _has(query, name)]
    rows = {name: int(query(f"SELECT count(*) FROM {name}")[0][0]) for name in there}  # noqa: S608
    highest = {name: int(query(f"SELECT coalesce(max(id), 0) FROM {name}")[0][0])  # noqa: S608
               for name in there}  # fmt: skip
    quota = int(query("SELECT coalesce(sum(quota), 0) FROM users")[0][0]) if "users" in there else 0
    return Facts(at, kind, current.edition, current.version, current.domain, rows, quota, highest)


def _has(query: Query, table: str) -> bool:
    try:
        query(f"SELECT 1 FROM {table} WHERE 1 = 0")  # noqa: S608
    except sqlite3.OperationalError:
        return False
    return True


def _of_server(address: Address, url: str, new: Path) -> Facts:
    kind = address.kind
    with database.opened(url, PATIENCE) as (_kind, query):
        there = tables(kind, query)
        if kind == MYSQL:
            facts = _facts(kind, time.time(), _only(query, there))
            _run([_mariadb_dump(), *_mysql_login(address), *MARIADB_DUMP,
                  f"--result-file={new}", address.name], {})  # fmt: skip
            found = content(new)
            return replace(facts, rows=_known(found.rows, facts.rows), quota=found.quota)
        query("COMMIT")  # of what pg8000 has begun
        query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        shared = query("SELECT pg_export_snapshot()")[0][0]
        facts = _facts(kind, time.time(), _only(query, there))
        others = [f'--exclude-schema="{name}"' for (name,) in query(OTHER_SCHEMAS)]
        command = [
            *PG_DUMP,
            *others,
            f"--snapshot={shared}",
            f"--file={new}",
            f"--dbname={address.name}",
        ]
        _run(command, postgresql_environment(address))
        return facts


def content(path: Path) -> dump_file.Content:
    """What a dump holds."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        return dump_file.read(stream)


def _known(counted: Mapping[str, int], wanted: Mapping[str, int]) -> dict[str, int]:
    return {name: counted.get(name, 0) for name in wanted}


def tables(kind: str, query: Query) -> set[str]:
    """The tables of a server's database."""
    schema = "current_schema()" if kind == POSTGRESQL else "database()"
    rows = query(f"SELECT table_name FROM information_schema.tables WHERE table_schema = {schema}")  # noqa: S608
    return {str(row[0]) for row in rows}


def _only(query: Query, tables: set[str]) -> Query:
    """A failed query ends a transaction of PostgreSQL: what is not there is not asked."""

    def ask(text: str, *values: str) -> list[tuple[object, ...]]:
        if not any(f"FROM {table}" in text for table in tables):
            raise sqlite3.OperationalError(text)
        return query(text, *values)

    return ask


def postgresql_environment(address: Address) -> dict[str, str]:
    """libpq's variables: a password in an argument would be everybody's."""
    host, port = address.host, str(address.port or 5432)
    if address.socket:
        host, _slash, name = address.socket.rpartition("/")
        port = name.rpartition(".")[2]
    return {
        "PGHOST": host, "PGPORT": port, "PGUSER": address.user,
        "PGPASSWORD": address.password.reveal(), "PGSSLMODE": SSL_MODES[address.tls],
        "PGCONNECT_TIMEOUT": "10",
        # With a file of roots libpq takes `require` for `verify-ca`.
        **({"PGSSLROOTCERT": ROOTS} if address.tls == "verified" else {}),
    }  # fmt: skip


def _mariadb_dump() -> str:
    return "mariadb-dump" if shutil.which("mariadb-dump") else "mysqldump"


def _mysql_login(address: Address) -> list[str]:
    handle, name = tempfile.mkstemp(prefix="client.")  # /tmp is this unit's own, and goes with it
    with os.fdopen(handle, "w") as stream:
        stream.write(mysql_options(address))
    return [f"--defaults-extra-file={name}"]


def mysql_options(address: Address) -> str:
    """An option file of MySQL's clients."""
    password = address.password.reveal().replace("\\", "\\\\").replace('"', '\\"')
    lines = ["[client]", f"user={address.user}", f'password="{password}"']
    if address.socket:
        return "\n".join([*lines, f"socket={address.socket}", ""])
    unverified = ["ssl", "disable-ssl-verify-server-cert"]  # MariaDB's of 11.4 verifies by itself
    tls = {"verified": ["ssl-verify-server-cert", f"ssl-ca={ROOTS}"], "off": ["skip-ssl"],
           "preferred": unverified[1:], "unverified": unverified}  # fmt: skip
    lines += [f"host={address.host}", f"port={address.port}", "protocol=tcp"]
    return "\n".join([*lines, *tls[address.tls], ""])


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        raise CommandError(f"one-api-infra: dump: {done.stderr.strip()[-800:]}")
