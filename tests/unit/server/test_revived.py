"""What an older state of the database makes valid again."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.server.revived import revived, words

TABLE = "CREATE TABLE {} (id INTEGER PRIMARY KEY, status INTEGER, deleted_at TEXT)"
STATES = st.dictionaries(
    st.integers(1, 8), st.tuples(st.integers(1, 3), st.sampled_from([None, "2026"])), max_size=8
)
Rows = dict[int, tuple[int, str | None]]


def made(path: Path, tokens: Rows, redemptions: Rows | None = None) -> Path:
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as database:
        for name, rows in (("tokens", tokens), ("redemptions", redemptions)):
            if rows is not None:
                database.execute(TABLE.format(name))
                values = [(number, *row) for number, row in rows.items()]
                database.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", values)
        database.commit()
    return path


def is_good(row: tuple[int, str | None] | None) -> bool:
    return row is not None and row[0] == 1 and row[1] is None


@given(then=STATES, now=STATES)
def test_what_was_good_and_is_not(
    tmp_path_factory: pytest.TempPathFactory, then: Rows, now: Rows
) -> None:
    folder = tmp_path_factory.mktemp("revived")
    old, new = made(folder / "then", then), made(folder / "now", now)
    wanted = [each for each in sorted(then) if is_good(then[each]) and not is_good(now.get(each))]
    assert revived(old, new) == ({"tokens": wanted} if wanted else {})


def test_used_codes_are_named_too(tmp_path: Path) -> None:
    then = made(tmp_path / "then", {1: (1, None)}, {7: (1, None), 8: (3, None)})
    now = made(tmp_path / "now", {1: (1, None)}, {7: (3, None), 8: (3, None)})
    assert revived(then, now) == {"redemptions": [7]}


def test_many_are_cut() -> None:
    assert words([1, 2]) == "1, 2"
    assert words(list(range(100))).endswith("19…")
