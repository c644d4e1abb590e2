"""What a database tells of itself, and what is told of its errors."""

from pathlib import Path
from typing import Any

import pytest

from one_api_infra.server import database
from one_api_infra.server.database import limits, placed, reason
from one_api_infra.shared import paths
from one_api_infra.shared.database import MYSQL, POSTGRESQL, SQLITE, Database
from tests.unit.examples import NOW

FOUND = Database(NOW, SQLITE, "")
Rows = list[tuple[Any, ...]]


def answers(*told: Rows) -> Any:
    """A query that gets these answers, in turn."""
    left = iter(told)
    return lambda _text, *_values: next(left)


@pytest.mark.parametrize(
    ("kind", "told", "counts"),
    [
        (SQLITE, (), (0, 0, 0)),
        (POSTGRESQL, ([("100",)], [(3,)], [(2,)]), (100, 3, 2)),
        (POSTGRESQL, ([(25,)], [(3,)], [(0,)]), (25, 3, 1)),
        (MYSQL, ([(151, 0)], [(1,)]), (151, 1, 1)),
        (MYSQL, ([(151, 20)], [(4,)]), (20, 1, 4)),
    ],
)
def test_limits(kind: str, told: tuple[Rows, ...], counts: tuple[int, int, int]) -> None:
    found = limits(Database(NOW, kind, ""), answers(*told))
    if kind == SQLITE:
        assert found == Database(NOW, kind, "")
    else:
        assert (found.limit, found.reserved, found.clients) == counts


@pytest.mark.parametrize(
    ("url", "kind", "local"),
    [
        ("", SQLITE, FOUND.is_local),
        ("postgres://u:p@127.0.0.1/db", POSTGRESQL, True),
        ("postgres://u:p@db.example.com/db", POSTGRESQL, False),
        ("u:p@tcp(localhost:3306)/db", MYSQL, True),
        ("u:p@unix(/run/mysqld/mysqld.sock)/db", MYSQL, True),
    ],
)
def test_whose_database_it_is(url: str, kind: str, local: bool) -> None:
    found = placed(FOUND, url)
    assert (found.kind, found.is_local) == (kind, local)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(), "OSError"),
        (ValueError("two\n  lines"), "two lines"),
        (RuntimeError({"M": "no such role", "S": "FATAL"}), "no such role"),
        (RuntimeError(1045, "Access denied"), "1045 Access denied"),
        (ValueError("x" * 999), "x" * 200),
    ],
)  # fmt: skip
def test_an_error_is_one_line_of_the_servers_own(error: Exception, told: str) -> None:
    assert reason(error) == told


def test_a_look_waits_for_the_drivers_where_a_database_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "GIVEN", str(tmp_path / "given.env"))
    monkeypatch.setattr(database, "DRIVERS", ("json", "no_such_driver"))
    assert database.has_drivers()
    (tmp_path / "given.env").touch()
    assert not database.has_drivers()
    monkeypatch.setattr(database, "DRIVERS", ("json",))
    assert database.has_drivers()
