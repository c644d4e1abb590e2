"""Merging what the old server's One API wrote late, on real SQLite files."""

import contextlib
import io
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.server import move_changes
from one_api_infra.shared import move

SCHEMA = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, quota INTEGER,"
    " note BLOB)",
    "CREATE TABLE logs (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT)",
    'CREATE TABLE options ("key" TEXT PRIMARY KEY, value TEXT)',
    "INSERT INTO users (name, quota, note) VALUES ('root', 100, x'00ff'), ('anna', 50, NULL)",
    "INSERT INTO logs (text) VALUES ('first')",
    "INSERT INTO options VALUES ('Notice', 'old')",
)


def make(path: Path, *more: str) -> str:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        for statement in (*SCHEMA, *more):
            database.execute(statement)
    return str(path)


def run(path: str, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


def rows(path: str, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database whose changes are noted from now on."""
    path = make(tmp_path / "old.db")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{move_changes.NOTE}\n"))
    move_changes.hold(path)
    return path


def merged(old: str, new: str, capsys: pytest.CaptureFixture[str], name: str = "move") -> list[str]:
    left = f"{old}.changes"
    move_changes.leave(left, old)
    capsys.readouterr()
    move_changes.merge(left, name, new)
    return capsys.readouterr().out.splitlines()


def test_what_ended_late_is_added_up(
    old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = make(tmp_path / "new.db")
    run(old, "UPDATE users SET quota = quota - 7 WHERE name = 'root'",
        "INSERT INTO logs (text) VALUES ('late')", "UPDATE logs SET text = 'later' WHERE id = 2",
        "UPDATE users SET note = x'01' WHERE id = 2")  # fmt: skip
    run(new, "UPDATE users SET quota = quota - 20 WHERE name = 'root'",
        "INSERT INTO logs (text) VALUES ('here')")  # fmt: skip
    assert merged(old, new, capsys) == []
    assert rows(new, "SELECT id, quota, note FROM users") == [
        (1, 73, b"\x00\xff"),
        (2, 50, b"\x01"),
    ]
    assert rows(new, "SELECT text FROM logs ORDER BY id") == [("first",), ("here",), ("later",)]
    merged(old, new, capsys)  # killed before it was noted: the second time adds nothing
    assert rows(new, "SELECT quota FROM users WHERE id = 1") == [(73,)]
    move_changes.forget(new)
    assert rows(new, "SELECT name FROM sqlite_master WHERE name LIKE 'one_api%'") == []


def test_what_both_changed_is_told(
    old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = make(tmp_path / "new.db")
    run(old, "UPDATE options SET value = 'there'", "INSERT INTO users (name) VALUES ('twice')",
        "DELETE FROM logs", "UPDATE users SET name = 'bert' WHERE id = 2")  # fmt: skip
    run(new, "UPDATE options SET value = 'here'", "INSERT INTO users (name) VALUES ('twice')",
        "UPDATE logs SET text = 'changed'", "DELETE FROM users WHERE id = 2")  # fmt: skip
    told = merged(old, new, capsys)
    assert [line.split(":")[0] for line in sorted(told)] == [
        "logs 1", "options Notice", "users 2", "users 3"
    ]  # fmt: skip
    assert rows(new, "SELECT value FROM options") == [("here",)]


def test_a_move_that_was_called_off_leaves_nothing(old: str) -> None:
    move_changes.let_go(old)
    names = rows(old, "SELECT name FROM sqlite_master WHERE name LIKE 'one_api%'")
    assert names == []
    run(old, "UPDATE users SET quota = 1")


def test_held_is_held_until_the_end_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make(tmp_path / "old.db", "PRAGMA journal_mode = WAL")
    refusals = []

    class Input:
        def readline(self) -> str:
            with contextlib.closing(sqlite3.connect(path, timeout=0)) as other:
                try:
                    other.execute("UPDATE users SET quota = 0")
                except sqlite3.OperationalError as error:
                    refusals.append(str(error))
            return ""

    monkeypatch.setattr("sys.stdin", Input())
    move_changes.hold(path)
    assert refusals == ["database is locked"]
    assert capsys.readouterr().out.strip() == move_changes.HELD
    assert rows(path, "SELECT name FROM sqlite_master WHERE name LIKE 'one_api%'") == []


ROW = st.fixed_dictionaries({"quota": st.integers(-99, 99), "status": st.sampled_from("abc")})


@given(ROW, ROW, ROW)
def test_sums_are_kept_and_nothing_of_here_is_overwritten(
    old: move.Row, new: move.Row, here: move.Row
) -> None:
    found = move.merged(old, new, here)
    result = {**here, **found.values}
    assert result["quota"] - here["quota"] == new["quota"] - old["quota"]
    if here["status"] != old["status"]:
        assert result["status"] == here["status"]
    is_lost = new["status"] not in (old["status"], result["status"])
    assert found.conflicts == (("status",) if is_lost else ())
