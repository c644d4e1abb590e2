"""A copy of the database on its way back: ids that go forward, and how its server is reached."""

import contextlib
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from one_api_infra.server import dump, load
from one_api_infra.shared.backup import Facts
from one_api_infra.shared.database import parse

FACTS = Facts(1000.0, "sqlite", "one-hub", "v1", "pay.example.com", {}, 0, {"tokens": 7})


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "copy"
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE tokens (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)")
        made.execute("INSERT INTO tokens VALUES (7, 'sold')")
        made.commit()
    return path


def next_id(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("INSERT INTO tokens (name) VALUES ('new')")
        made.commit()
        return int(made.execute("SELECT max(id) FROM tokens").fetchone()[0])


def test_a_second_restore_gives_no_id_of_the_first(copy: Path, tmp_path: Path) -> None:
    """A key that was sold in between would open the account of whoever gets its id."""
    given, live = set(), tmp_path / "live"
    for step in (load.FORWARD, load.FORWARD + 60):
        known = load._counted(live)
        shutil.copy(copy, tmp_path / "brought")
        load._forward_sqlite(tmp_path / "brought", FACTS, known, step)
        shutil.move(tmp_path / "brought", live)
        given |= {next_id(live) for _sold in range(3)}
    assert len(given) == 6
    assert min(given) > 7 + load.FORWARD


@pytest.mark.parametrize(("tls", "mode", "roots"), [
    ("disable", "disable", False), ("require", "require", False),
    ("verify-full", "verify-full", True),
])  # fmt: skip
def test_roots_are_asked_for_where_they_are_verified_alone(
    tls: str, mode: str, *, roots: bool
) -> None:
    """With a file of roots libpq takes `require` for `verify-ca`."""
    found = dump.postgresql_environment(parse(f"postgres://a:b@db.example.com/ai?sslmode={tls}"))
    assert found["PGSSLMODE"] == mode
    assert ("PGSSLROOTCERT" in found) is roots


@pytest.mark.parametrize(("tls", "lines"), [
    ("", ["skip-ssl"]), ("?tls=preferred", ["disable-ssl-verify-server-cert"]),
    ("?tls=skip-verify", ["ssl", "disable-ssl-verify-server-cert"]),
    ("?tls=true", ["ssl-verify-server-cert", f"ssl-ca={dump.ROOTS}"]),
])  # fmt: skip
def test_what_mysqls_clients_verify(tls: str, lines: list[str]) -> None:
    text = dump.mysql_options(parse(f"a:b@tcp(db.example.com:3306)/ai{tls}"))
    assert [line for line in text.splitlines() if "ssl" in line] == lines


def test_extensions_are_the_databases_own(tmp_path: Path) -> None:
    """One API's user may neither drop nor make them; a row that reads like that stays."""
    row = "CREATE EXTENSION pg_trgm;"
    text = (
        "DROP EXTENSION IF EXISTS pg_trgm;\nCREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA x;\n"
        f"COMMENT ON EXTENSION pg_trgm IS 'x';\nCOPY public.logs (a) FROM stdin;\n{row}\n\\.\n"
    )
    (tmp_path / "dump").write_text(text)
    subprocess.run([*load.WITHOUT_EXTENSIONS, str(tmp_path / "dump")], check=True)
    assert (tmp_path / "dump").read_text() == f"COPY public.logs (a) FROM stdin;\n{row}\n\\.\n"
