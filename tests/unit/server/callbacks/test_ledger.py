"""The ledger's file itself."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from one_api_infra.server.callbacks.gateways.gateway import PaymentStatus
from one_api_infra.server.callbacks.ledger import Ledger
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


# The names of version 2, as they stand on servers.
OF_BEFORE = """
CREATE TABLE callbacks (
  id TEXT PRIMARY KEY, at REAL NOT NULL, gateway TEXT NOT NULL, account TEXT NOT NULL,
  number TEXT NOT NULL, gateway_number TEXT NOT NULL, money TEXT, currency TEXT NOT NULL,
  merchant TEXT NOT NULL, is_paid INTEGER NOT NULL, is_genuine INTEGER NOT NULL,
  is_test INTEGER NOT NULL, client TEXT NOT NULL, status INTEGER NOT NULL, answer BLOB,
  is_taken INTEGER NOT NULL, seconds REAL NOT NULL, request_id TEXT NOT NULL, line BLOB);
CREATE TABLE words (
  number TEXT PRIMARY KEY, at REAL NOT NULL, said TEXT NOT NULL, gateway_number TEXT NOT NULL,
  money TEXT, currency TEXT NOT NULL, merchant TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE cases (
  number TEXT NOT NULL, class TEXT NOT NULL, opened REAL NOT NULL, closed REAL,
  told INTEGER NOT NULL DEFAULT 0, detail TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (number, class));
CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO words VALUES ('n1', 5, 'paid', 'g1', '1.00', 'CNY', '1001', '');
INSERT INTO cases VALUES ('n2', 'forged', 5, NULL, 1, '');
INSERT INTO notes VALUES ('books_read', '7');
PRAGMA user_version = 2;
"""


def test_a_ledger_of_before_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as before:
        before.executescript(OF_BEFORE)
    before.close()
    for _again in range(2):
        ledger = Ledger(path)
        reply = ledger.reply("n1")
        assert reply is not None
        assert (reply.status, reply.gateway_number) == (PaymentStatus.PAID, "g1")
        row = ledger.db.execute("SELECT class, notified FROM cases").fetchone()
        assert tuple(row) == ("invalid_signature", 1)
        assert ledger.note("orders_read") == "7"
        assert "is_accepted" in ledger.db.execute("SELECT sql FROM sqlite_master").fetchone()[0]
        ledger.close()


def test_wechat_pay_s_currency_of_before_is_forgotten(tmp_path: Path) -> None:
    """No callback names it, and a row may be in another: such an order was a case for ever."""
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    with contextlib.closing(sqlite3.connect(path)) as before:
        before.execute('INSERT INTO notes VALUES (\'accounts\', \'{"w": "wxpay", "e": "epay"}\')')
        for number, row in (("1", "w"), ("2", "e")):
            before.execute(
                "INSERT INTO orders (number, user, account, money, currency, quota, status,"
                " created, gateway_number, since)"
                " VALUES (?, 1, ?, '1', 'USD', 1, 'pending', 1, '', 1)",
                (number, row),
            )
            reply = (number, 1, "paid", "g", "1.00", "CNY", "m", "")
            before.execute("INSERT INTO replies VALUES (?, ?, ?, ?, ?, ?, ?, ?)", reply)
        before.execute("PRAGMA user_version = 3")
        before.execute("PRAGMA application_id = 1")
        before.commit()
    ledger = Ledger(path)
    found = {number: ledger.reply(number) for number in ("1", "2")}
    assert [each and each.currency for each in found.values()] == ["", "CNY"]
