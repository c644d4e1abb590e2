"""Bringing a copy of the database back: into SQLite's place, or into its server.

What was given out since the copy was made must not be given out again: customers' keys are made of
ids. So every counter goes forward.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from one_api_infra.server import database, dump
from one_api_infra.server.local import CommandError, must
from one_api_infra.shared import database as database_url
from one_api_infra.shared import environment_file, foreign, paths
from one_api_infra.shared.backup import Facts
from one_api_infra.shared.database import MYSQL, SQLITE, Address
from one_api_infra.shared.texts import _

USER = "one-api"
# One API's user owns no extension: they are the database's own admin's, and stay.
WITHOUT_EXTENSIONS = [
    *("sed", "--in-place", "--regexp-extended"),
    r"/^COPY .* FROM stdin;$/,/^\\\.$/!{/^(DROP|CREATE|COMMENT ON) EXTENSION /d}",
]
FORWARD = 100_000  # ids; more than a site gives out between two backups
SIDES = ("", "-wal", "-shm", "-journal")  # of SQLite's file


def url() -> str:
    """One API's database as ``given.env`` names it; empty for SQLite."""
    path = Path(paths.GIVEN)
    given = environment_file.values(path.read_text()) if path.exists() else {}
    return given.get(database.URL, "")


def is_there() -> bool:
    """Whether there is a database with users in it.

    CommandError where a server does not say: a copy would be loaded over what lives there.
    """
    if not url():
        return Path(paths.DATABASE).exists()
    try:
        with database.opened(url()) as (kind, query):
            return "users" in dump.tables(kind, query) and bool(
                query("SELECT 1 FROM users LIMIT 1")
            )
    except Exception as error:  # two drivers have kinds of their own
        words = foreign.line(str(error))
        raise CommandError(
            _("the database does not say whether it holds a site: {words}", words=words)
        ) from None


def load(copy: Path, facts: Facts, before: Path | None = None) -> tuple[str, ...]:
    """Let the database be the copy; One API is stopped. CommandError leaves it as it was.

    ``before`` is SQLite's file of until now, where it was put aside. Returns the tables whose
    counters could not be moved.
    """
    must_fit(facts)
    # Of two restores of one copy the second gives no ids of the first.
    step = FORWARD + max(0, int(time.time() - facts.at))
    if not url():
        given = _counted(before or Path(paths.DATABASE))
        uncounted = _forward_sqlite(copy, facts, given, step)
        place(copy)
        return uncounted
    given = _given(facts)
    _load(database_url.parse(url()), copy)
    _forward(facts, given, step)
    return ()


def must_fit(facts: Facts) -> None:
    """CommandError where a copy is of another kind than the site's database."""
    if (not url()) != (facts.kind == SQLITE):
        raise CommandError(
            _(
                "the backup holds a database of the kind {kind}, and `database_url` names another",
                kind=facts.kind,
            )
        )


def place(copy: Path) -> None:
    """Let SQLite's file be the copy, which is gone afterwards."""
    for side in SIDES[1:]:
        Path(f"{paths.DATABASE}{side}").unlink(missing_ok=True)
    shutil.rmtree(paths.STREAMED, ignore_errors=True)  # what is known of another database
    must("install", "-d", "-o", USER, "-g", USER, "-m", "700", paths.DATA)
    shutil.chown(copy, USER, USER)
    copy.chmod(0o600)
    new = f"{paths.DATABASE}.restored"
    must("mv", "-fT", str(copy), new)
    Path(new).rename(paths.DATABASE)


def _counted(path: Path) -> dict[str, int]:
    """What SQLite's counters have come to in a file; none where it is gone or broken."""
    if not path.exists():
        return {}
    # Read alone: SQLite would delete what a crafted journal names.
    source = f"{path.absolute().as_uri()}?mode=ro"
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(source, uri=True)) as found,
    ):
        return dict(found.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    return {}


def _given(facts: Facts) -> dict[str, int]:
    """The same of a server's database that is to be replaced."""
    with database.opened(url(), dump.PATIENCE) as (kind, query):
        there = dump.tables(kind, query)
        return {name: _last(kind, query, name) for name in facts.counters if name in there}


def _last(kind: str, query: database.Query, name: str) -> int:
    (highest,) = query(f"SELECT coalesce(max(id), 0) FROM {name}")[0]  # noqa: S608
    if kind == MYSQL:
        asked = (
            "SELECT coalesce(auto_increment, 0) FROM information_schema.tables"  # noqa: S608
            f" WHERE table_schema = database() AND table_name = '{name}'"
        )
        return max(int(str(highest)), *(int(str(row[0])) for row in query(asked)))
    (sequence,) = query(f"SELECT pg_get_serial_sequence('{name}', 'id')")[0]
    last = query(f"SELECT last_value FROM {sequence}")[0][0] if sequence else 0  # noqa: S608
    return max(int(str(highest)), int(str(last)))


def _forward_sqlite(
    copy: Path, facts: Facts, given: Mapping[str, int], step: int
) -> tuple[str, ...]:
    """In the copy, which is still root's own.

    A table of an old One API may count nothing: SQLite then gives the highest id again.
    """
    with contextlib.closing(sqlite3.connect(copy)) as found, found:
        counted = _tables(found)
        for name in counted:
            (highest,) = found.execute(f"SELECT coalesce(max(id), 0) FROM {name}").fetchone()  # noqa: S608
            known = found.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (name,))
            (last,) = known.fetchone() or (0,)
            found.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            least = max(highest, last, given.get(name, 0), facts.counters.get(name, 0))
            row = (name, least + step)
            found.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", row)
        found.commit()
        found.execute("PRAGMA journal_mode = WAL")  # as the deploy wants it
    return tuple(name for name in facts.counters if name not in counted)


def _tables(found: sqlite3.Connection) -> list[str]:
    """The tables whose ids SQLite counts."""
    rows = found.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")
    return [name for (name,) in rows.fetchall() if name in dump.TABLES]


def _load(address: Address, copy: Path) -> None:
    """By the database's own client, as One API's user: a dump may hold more than data."""
    own = Path(paths.DUMP, "restored")
    # pg_dump 17 writes it for servers of before, which end at it.
    must("sed", "--in-place", "1,40{/^SET transaction_timeout = /d}", str(copy))
    if address.kind != MYSQL:
        must(*WITHOUT_EXTENSIONS, str(copy))
    must("install", "-d", "-o", USER, "-g", USER, "-m", "700", paths.DUMP)
    must("install", "-o", USER, "-g", USER, "-m", "600", str(copy), str(own))
    try:
        if address.kind == MYSQL:
            _run(["mariadb", f"--defaults-extra-file={_options(address)}", address.name], own, {})
        else:
            command = ["psql", "--quiet", "--no-psqlrc", "--single-transaction",
                       "--set=ON_ERROR_STOP=1", "--output=/dev/null",
                       f"--dbname={address.name}"]  # fmt: skip
            _run(command, own, dump.postgresql_environment(address))
    finally:
        own.unlink(missing_ok=True)
        Path(paths.DUMP, "client").unlink(missing_ok=True)


def _options(address: Address) -> Path:
    path = Path(paths.DUMP, "client")
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(dump.mysql_options(address))
    shutil.chown(path, USER, USER)
    return path


def _run(command: list[str], source: Path, environment: dict[str, str]) -> None:
    with source.open("rb") as stream:
        done = subprocess.run(
            ["runuser", "-u", USER, "--", *command], stdin=stream, capture_output=True, text=True,
            errors="replace", check=False, cwd="/", env={**os.environ, **environment},
        )  # fmt: skip
    if done.returncode:
        raise CommandError(f"{command[0]}: {done.stderr.strip()[-800:]}")


def _forward(facts: Facts, given: Mapping[str, int], step: int) -> None:
    with database.opened(url(), dump.PATIENCE) as (kind, query):
        for name in facts.counters:
            highest = int(query(f"SELECT coalesce(max(id), 0) FROM {name}")[0][0])  # noqa: S608
            counted = max(highest, given.get(name, 0), facts.counters[name])
            least = str(counted + step)
            if kind == MYSQL:
                query(f"ALTER TABLE {name} AUTO_INCREMENT = {least}")
            else:
                query(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {least})")
        query("COMMIT")
