"""The ledger's file itself."""

import sqlite3
from pathlib import Path

import pytest

from one_api_infra.callbacks.ledger import Ledger
from tests.unit.examples import NOW


def test_a_damaged_ledger_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path)
    ledger.check(NOW)
    for number in range(2000):
        ledger.note(f"x{number}", "y" * 50)
    ledger.close()
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 9000] = b"\xff" * 9000
    path.write_bytes(content)
    ledger = Ledger(path)
    with pytest.raises(sqlite3.DatabaseError):
        ledger.check(NOW + 3601)
