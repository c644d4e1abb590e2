"""What the old server's One API still writes to SQLite after its database has been brought away.

Triggers note every row as it was and as it became, in tables of the same columns; the new server
merges them into its database, once. All of it as One API's own user.
"""

# ruff: noqa: S608  # the names are those of the database's own schema

import contextlib
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from one_api_infra.server.local import CommandError
from one_api_infra.shared import move, paths
from one_api_infra.shared.texts import _

PREFIX = "one_api_infra_moved"
PATIENCE = 30.0  # seconds for whoever holds a lock
CHECKPOINT_SECONDS = 5.0  # for those who read an older state
HELD, NOTE = "held", "note"


def hold(path: str = paths.DATABASE) -> None:
    """Keep everybody from writing until told to go on, and note all changes from then on.

    The file alone is the whole database meanwhile, and can be copied. Says ``held``; whatever is
    not ``note`` then, as the end of the input, lets all be as it was.
    """
    with contextlib.closing(_open(path)) as database:
        database.execute("BEGIN IMMEDIATE")
        _checkpoint(path)
        print(HELD, flush=True)
        if sys.stdin.readline().strip() != NOTE:
            database.execute("ROLLBACK")
            return
        for statement in (*_removal(database), *_triggers(database)):
            database.execute(statement)
        database.execute("COMMIT")


def _open(path: str | Path) -> sqlite3.Connection:
    source = f"file:{path}?mode=rw"
    return sqlite3.connect(source, uri=True, timeout=PATIENCE, isolation_level=None)


def _checkpoint(path: str) -> None:
    """Bring all of the write-ahead log into the file."""
    until = time.monotonic() + CHECKPOINT_SECONDS
    with contextlib.closing(_open(path)) as beside:
        while time.monotonic() < until:
            _busy, pages, done = beside.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages == done:
                return
            time.sleep(0.05)
    raise CommandError(_("somebody reads an older state of the database: try again"))


def let_go(path: str = paths.DATABASE) -> None:
    """Note nothing any more: the move was called off."""
    with contextlib.closing(_open(path)) as database:
        database.execute("BEGIN IMMEDIATE")
        for statement in _removal(database):
            database.execute(statement)
        database.execute("COMMIT")


def _removal(database: sqlite3.Connection) -> list[str]:
    rows = database.execute(
        "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'table') AND"
        " name LIKE ? || '%' ORDER BY type DESC",
        (PREFIX,),
    )
    return [f'DROP {kind} IF EXISTS "{name}"' for kind, name in rows.fetchall()]


def _triggers(database: sqlite3.Connection) -> Iterator[str]:
    for table in _tables(database):
        names = [name for name, _key in _columns(database, table)]
        noted = f"{PREFIX}_{table}"
        kept = [f'"{side}_{name}"' for side in ("old", "new") for name in names]
        yield f'CREATE TABLE "{noted}" ({", ".join(kept)})'
        for event, sides in (("INSERT", "new"), ("UPDATE", "old new"), ("DELETE", "old")):
            chosen = [f'"{side}_{name}"' for side in sides.split() for name in names]
            values = [f'{side.upper()}."{name}"' for side in sides.split() for name in names]
            yield (
                f'CREATE TRIGGER "{noted}_{event}" AFTER {event} ON "{table}" BEGIN'
                f' INSERT INTO "{noted}" ({", ".join(chosen)}) VALUES ({", ".join(values)}); END'
            )


def _tables(database: sqlite3.Connection) -> list[str]:
    rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    own = ("sqlite_", "_litestream", PREFIX)
    return [name for (name,) in rows if not name.startswith(own)]


def _columns(database: sqlite3.Connection, table: str) -> list[tuple[str, bool]]:
    """A table's columns, and whether each is part of its key."""
    rows = database.execute(f'PRAGMA table_info("{table}")').fetchall()
    return [(row[1], bool(row[5])) for row in rows]


def leave(target: str, path: str = paths.DATABASE) -> None:
    """Write what was noted into a database of its own."""
    Path(target).unlink(missing_ok=True)
    with contextlib.closing(_open(path)) as database:
        database.execute("ATTACH ? AS out", (target,))
        for table in _tables(database):
            noted = f"{PREFIX}_{table}"
            database.execute(f'CREATE TABLE out."{table}" AS SELECT * FROM main."{noted}"')


def merge(source: str, name: str, path: str = paths.DATABASE) -> None:
    """Merge what was left at ``source`` into the database, once; prints what could not be.

    ``name`` is the move's own: the database notes it in the same transaction.
    """
    with contextlib.closing(_open(path)) as database:
        database.execute("ATTACH ? AS noted", (source,))
        database.execute("BEGIN IMMEDIATE")
        database.execute(f"CREATE TABLE IF NOT EXISTS {PREFIX} (name UNIQUE)")
        known = database.execute(f"SELECT 1 FROM {PREFIX} WHERE name = ?", (name,))
        told = [] if known.fetchone() else list(_merge(database))
        database.execute(f"INSERT OR IGNORE INTO {PREFIX} VALUES (?)", (name,))
        database.execute("COMMIT")
    print(*told, sep="\n", end="")


def _merge(database: sqlite3.Connection) -> Iterator[str]:
    rows = database.execute("SELECT name FROM noted.sqlite_master WHERE type = 'table'")
    for (name,) in rows.fetchall():
        columns = _columns(database, name)
        names = [column for column, _key in columns]
        keys = [column for column, is_key in columns if is_key] or names
        table = Table(database, name, keys)
        for values in database.execute(f'SELECT * FROM noted."{name}" ORDER BY rowid').fetchall():
            old = dict(zip(names, values[: len(names)], strict=True))
            new = dict(zip(names, values[len(names) :], strict=True))
            yield from (f"{name} {words}" for words in table.carry_out(old, new))


class Table:
    """A table that changes are merged into; ``keys`` are the columns of its key."""

    def __init__(self, database: sqlite3.Connection, name: str, keys: list[str]) -> None:
        self.database = database
        self.name = name
        self.keys = keys
        # A row whose number was given to another meanwhile has got a new one.
        self.renumbered: dict[tuple[object, ...], tuple[object, ...]] = {}

    def carry_out(self, old: move.Row, new: move.Row) -> Iterator[str]:
        """Merge the change of one row; what could not be."""
        was, becomes = (any(row[key] is not None for key in self.keys) for row in (old, new))
        here = self._here(old if was else new)
        shown = " ".join(str((new if becomes else old)[key]) for key in self.keys)
        if not was:
            yield from self._insert(new, taken=here is not None)
        elif here is None:
            yield f"{shown}: " + _("it is gone here, and was changed there")
        elif not becomes and here == old:
            self._run(f'DELETE FROM main."{self.name}" WHERE {self._where()}', self._key(old))
        elif not becomes:
            yield f"{shown}: " + _("it was changed here, and deleted there")
        else:
            found = move.merged(old, new, here)
            self._update(old, found.values)
            if names := ", ".join(found.conflicts):
                yield f"{shown}: " + _("changed here and there: {names}", names=names)

    def _where(self) -> str:
        return " AND ".join(f'"{key}" IS ?' for key in self.keys)

    def _key(self, row: move.Row) -> tuple[object, ...]:
        key = tuple(row[name] for name in self.keys)
        return self.renumbered.get(key, key)

    def _here(self, row: move.Row) -> move.Row | None:
        found = self._run(f'SELECT * FROM main."{self.name}" WHERE {self._where()}', self._key(row))
        names = [each[0] for each in found.description]
        line = found.fetchone()
        return dict(zip(names, line, strict=True)) if line else None

    def _insert(self, row: move.Row, *, taken: bool) -> Iterator[str]:
        kept = {name: row[name] for name in row if not (taken and name in self.keys)}
        names = ", ".join(f'"{name}"' for name in kept)
        marks = ", ".join("?" for _name in kept)
        try:
            text = f'INSERT INTO main."{self.name}" ({names}) VALUES ({marks})'
            made = self._run(text, tuple(kept.values()))
        except sqlite3.IntegrityError as error:
            yield f"{' '.join(str(row[key]) for key in self.keys)}: {error}"
            return
        if taken and len(self.keys) == 1:
            self.renumbered[(row[self.keys[0]],)] = (made.lastrowid,)

    def _update(self, row: move.Row, values: move.Row) -> None:
        changed = {name: value for name, value in values.items() if name not in self.keys}
        if changed:
            chosen = ", ".join(f'"{name}" = ?' for name in changed)
            text = f'UPDATE main."{self.name}" SET {chosen} WHERE {self._where()}'
            self._run(text, (*changed.values(), *self._key(row)))

    def _run(self, text: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        return self.database.execute(text, values)


def forget(path: str = paths.DATABASE) -> None:
    """Take the note of the move out of One API's database: it is kept elsewhere by now."""
    with contextlib.closing(_open(path)) as database:
        database.execute(f"DROP TABLE IF EXISTS {PREFIX}")
