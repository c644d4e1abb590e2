"""A copy of the database is compared with what was noted when it was made."""

import sqlite3
from pathlib import Path

import pytest

from one_api_infra.server import drill
from one_api_infra.shared.backup import Facts
from tests.unit.examples import NOW


def facts(kind: str = "sqlite", **rows: int) -> Facts:
    return Facts(NOW, kind, "one-hub", "v1", "ai.example.com", rows, 93, {})


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "database"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, quota INTEGER)")
        database.execute("INSERT INTO users (quota) VALUES (100), (-7)")
    database.close()
    return path


def test_a_whole_copy_differs_in_nothing(copy: Path) -> None:
    assert drill.differences(facts(users=2), copy) == ""


def test_rows_and_quota_that_are_missing_are_named(copy: Path) -> None:
    with sqlite3.connect(copy) as database:
        database.execute("DELETE FROM users WHERE quota = 100")
    database.close()
    assert drill.differences(facts(users=2), copy) == "users: 1 / 2, quota: -7 / 93"


def test_a_damaged_copy_is_named(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[:4096] + b"\xff" * 4096)
    assert drill.differences(facts(users=2), copy)


def test_a_dump_that_was_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "database"
    path.write_text("COPY public.users (id, quota) FROM stdin;\n1\t93\n")
    assert drill.differences(facts("postgresql", users=1), path)
    path.write_text(f"{path.read_text()}\\.\n-- PostgreSQL database dump complete\n")
    assert drill.differences(facts("postgresql", users=1), path) == ""


@pytest.mark.parametrize(
    "text", ["2026-11-28T12:00:00.123456789Z", "2026-11-28T20:00:00.123456789+08:00"]
)
def test_restics_times(text: str) -> None:
    assert drill.seconds(text) == pytest.approx(1795867200.123, abs=0.01)
