"""The ledger: one SQLite file that joins callbacks, orders, the gateways' words and our own acts.

Log lines and the place reached are stored in one transaction, and so are an act's result and the
order's new status. The start of an act is committed before anything is sent.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from one_api_infra.server.callbacks.gateways.gateway import Claim, PaymentStatus, Reply
from one_api_infra.server.callbacks.ledger_tables import (
    ADDED,
    LATER,
    MENDED,
    RENAMED,
    SCHEMA,
    SCHEMA_ID,
    VERSION,
)
from one_api_infra.server.callbacks.order import Correction, Credit, Order, Status, Success
from one_api_infra.shared.callback import Callback, clean

WORDS, MOST_WORDS = re.compile(r"[0-9A-Za-z_-]+"), 50  # of a remark
LONGEST = 200  # characters of a number that a stranger sends
MOST_OF_AN_ORDER, MOST_LINES, MOST_FORGED = 50, 5, 2000  # callbacks that are kept
MOST_QUOTA = 2**63 - 1  # SQLite's largest
CHECK_SECONDS = 3600
UNUSED_PAGES = 2560  # 10 MiB
NUMBER, GENUINE, TAKEN = 4, 10, 15  # places in a callback's row


class Ledger:
    """The ledger at ``path``; sqlite3's errors (a full disk, a lock) are the caller's to see."""

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        where = f"file:{path}?mode=ro" if read_only else str(path)
        self.db = sqlite3.connect(where, timeout=10, isolation_level=None, uri=read_only)
        self.db.row_factory = sqlite3.Row
        if not read_only:
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        """Give a ledger that is new, or of before, the tables of now."""
        if self.db.execute("PRAGMA application_id").fetchone()[0] == SCHEMA_ID:
            return
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        if version < VERSION:
            self._rename()
        self.db.executescript(SCHEMA)
        self._add_columns()
        for statement in MENDED if version < VERSION else ():
            self.db.execute(statement)
        self.db.execute(f"PRAGMA user_version = {VERSION}")
        self.db.execute(f"PRAGMA application_id = {SCHEMA_ID}")

    def _rename(self) -> None:
        """Bring the names of a ledger of before up to date, all or none; what it holds stays."""
        with self.transaction():
            for table, column, statement in RENAMED:
                if column in self._columns(table):
                    self.db.execute(statement)

    def _columns(self, table: str) -> set[str]:
        rows = self.db.execute(f"PRAGMA table_info({table})").fetchall()
        return {row["name"] for row in rows}

    def _add_columns(self) -> None:
        """Add the columns that a ledger of before lacks."""
        for table, column, kind in ADDED:
            if column not in self._columns(table):
                self.db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        self.db.execute(LATER)

    def check(self, now: float) -> None:
        """sqlite3.DatabaseError for a damaged file; it is read whole once an hour."""
        if 0 <= now - float(self.note("checked") or 0) < CHECK_SECONDS:
            return
        (found,) = self.db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        self.note("checked", now)

    def close(self) -> None:
        """Close it."""
        self.db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it, or nothing."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def note(self, name: str, value: object = None) -> str:
        """A note by name; with a value it is set."""
        if value is not None:
            self.db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, str(value)))
            return str(value)
        found = self.db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def add_run(self, now: float, *, down: bool) -> None:
        """Count a run of the callback service, and whether One API was down."""
        statement = (
            "INSERT INTO hours VALUES (?, 1, ?)"
            " ON CONFLICT (hour) DO UPDATE SET runs = runs + 1, down = down + excluded.down"
        )
        self.db.execute(statement, (int(now // 3600), int(down)))

    def add_callbacks(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Rows of ``callback_row``; those that are there already are left alone.

        Anybody can send callbacks, again and again: of an order ``MOST_OF_AN_ORDER`` genuine
        ones are kept, and the first accepted one; of forged ones ``MOST_FORGED``.
        """
        insert = f"INSERT OR IGNORE INTO callbacks VALUES ({', '.join('?' * 19)})"  # noqa: S608
        invalid_signature = "SELECT count(*) FROM callbacks WHERE is_genuine = 0"
        room = MOST_FORGED - int(self.db.execute(invalid_signature).fetchone()[0])
        for row in rows:
            if is_genuine(row):
                self._add_genuine(insert, row)
            elif room > 0:
                room -= self.db.execute(insert, row).rowcount

    def _add_genuine(self, insert: str, row: tuple[Any, ...]) -> None:
        query = (
            "SELECT count(*), max(is_accepted) FROM callbacks WHERE number = ? AND is_genuine = 1"
        )
        count, is_accepted = self.db.execute(query, (row[NUMBER],)).fetchone()
        is_news = row[TAKEN] and not is_accepted
        if count < MOST_OF_AN_ORDER or is_news:
            self.db.execute(insert, row)
            if count >= MOST_LINES:
                self._keep_newest_lines(row[NUMBER])

    def _keep_newest_lines(self, number: str) -> None:
        """Some gateways' signatures hold for minutes: of many callbacks the last can be sent."""
        self.db.execute(
            "UPDATE callbacks SET line = NULL WHERE number = :number AND line IS NOT NULL"
            " AND id NOT IN (SELECT id FROM callbacks WHERE number = :number AND is_genuine = 1"
            " AND line IS NOT NULL ORDER BY at DESC LIMIT :most)",
            {"number": number, "most": MOST_LINES},
        )

    def compact(self) -> None:
        """Give room back that is no longer used, when it is much; VACUUM needs as much again."""
        free, pages = (
            int(self.db.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("freelist_count", "page_count")
        )
        if free > UNUSED_PAGES and free * 2 > pages:
            with contextlib.suppress(sqlite3.OperationalError):  # a full disk: another time
                self.db.execute("VACUUM")

    def add_orders(self, orders: Iterable[Order], now: float) -> None:
        """Put in orders as One API holds them now."""
        statement = (
            "INSERT INTO orders (number, user, account, money, currency, quota, status, created,"
            " gateway_number, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (number) DO UPDATE SET since = CASE WHEN status = excluded.status"
            " THEN since ELSE excluded.since END, status = excluded.status,"
            " gateway_number = excluded.gateway_number, money = excluded.money,"
            " quota = excluded.quota"
        )
        self.db.executemany(statement, (_order_row(order, now) for order in orders))

    def add_credits(self, credits: Iterable[Credit]) -> None:
        """Put in credits of One API's orders."""
        rows = ((each.id, each.user, each.quota, each.at, each.number) for each in credits)
        self.db.executemany("INSERT OR IGNORE INTO credits VALUES (?, ?, ?, ?, ?)", rows)

    def add_corrections(self, corrections: Iterable[Correction]) -> None:
        """Put in what people added and took, with the order that their remark names."""
        rows = [
            (each.id, each.user, each.quota, each.at, self._named(each.remark))
            for each in corrections
        ]
        self.db.executemany("INSERT OR IGNORE INTO corrections VALUES (?, ?, ?, ?, ?)", rows)

    def _named(self, remark: str) -> str:
        """The known order that a remark names; people write more than the number into it."""
        query = "SELECT number FROM orders WHERE number = ?"
        for reply in WORDS.findall(remark)[:MOST_WORDS]:
            if self.db.execute(query, (reply,)).fetchone():
                return str(reply)
        return ""

    def add_reply(self, number: str, reply: Reply, now: float) -> None:
        """Put in what a gateway said of an order."""
        money = None if reply.money is None else str(reply.money)
        texts = (number, reply.gateway_number, reply.currency, reply.merchant, reply.detail)
        number, gateway_number, *rest = (clean(text)[:LONGEST] for text in texts)
        row = (number, now, reply.status.value, gateway_number, money, *rest)
        self.db.execute("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def orders(self, where: str, *values: Any) -> list[Order]:
        """Orders by a condition of ours; its values by place, or as one mapping by name."""
        bound = values[0] if values and isinstance(values[0], Mapping) else values
        rows = self.db.execute(f"SELECT * FROM orders WHERE {where}", bound)  # noqa: S608
        return [order(row) for row in rows]

    def successes(self) -> list[Success]:
        """Orders that may own a credit which is nobody's yet."""
        query = (
            "SELECT orders.*,"
            " (SELECT count(*) FROM credits WHERE credits.number = orders.number) AS credits,"
            " coalesce((SELECT min(at) FROM callbacks WHERE callbacks.number = orders.number"
            "   AND is_genuine AND is_paid AND is_accepted),"
            "  (SELECT min(ended) FROM acts WHERE acts.number = orders.number"
            "   AND result = 'credited'), 0) AS at"
            " FROM orders WHERE status = 'success' AND (user, quota) IN"
            " (SELECT user, quota FROM credits WHERE number = '')"
        )
        return [Success(order(row), row["at"], row["credits"]) for row in self.db.execute(query)]

    def nobodys_credits(self) -> list[Credit]:
        """Credits that are no order's yet."""
        rows = self.db.execute("SELECT id, user, quota, at FROM credits WHERE number = ''")
        return [Credit(*row) for row in rows]

    def own(self, found: Mapping[int, str]) -> None:
        """Note whose credits are, for good: what a person settled must not move."""
        pairs = [(number, identity) for identity, number in found.items()]
        self.db.executemany("UPDATE credits SET number = ? WHERE id = ?", pairs)

    def credits(self, number: str) -> int:
        """How many credits an order has."""
        query = "SELECT count(*) FROM credits WHERE number = ?"
        return int(self.db.execute(query, (number,)).fetchone()[0])

    def corrected(self, number: str, since: float = 0.0) -> int:
        """The quota that people added in an order's name after a time, less what they took."""
        query = "SELECT coalesce(sum(quota), 0) FROM corrections WHERE number = ? AND at > ?"
        return int(self.db.execute(query, (number, since)).fetchone()[0])

    def unnamed(self, each: Order) -> float | None:
        """When somebody added just an order's quota to its user, after it, and named no order."""
        query = (
            "SELECT max(at) FROM corrections"
            " WHERE number = '' AND user = ? AND quota = ? AND at > ?"
        )
        row = self.db.execute(query, (each.user, each.quota, each.created)).fetchone()
        return None if row[0] is None else float(row[0])

    def claims(self, number: str) -> list[Claim]:
        """What genuine callbacks said of an order."""
        query = "SELECT * FROM callbacks WHERE number = ? AND is_genuine = 1 ORDER BY at"
        return [claim(row) for row in self.db.execute(query, (number,))]

    def reply(self, number: str) -> Reply | None:
        """The gateway's last word on an order."""
        row = self.db.execute("SELECT * FROM replies WHERE number = ?", (number,)).fetchone()
        return reply(row) if row else None

    def answer(self, number: str) -> str:
        """What came of the last act for an order."""
        query = "SELECT result FROM acts WHERE number = ? ORDER BY id DESC LIMIT 1"
        row = self.db.execute(query, (number,)).fetchone()
        return str(row["result"]) if row else ""

    def answered(self, number: str) -> float:
        """When the gateway gave its last word on an order; 0 if it never did."""
        row = self.db.execute("SELECT at FROM replies WHERE number = ?", (number,)).fetchone()
        return float(row[0]) if row else 0.0

    def called(self, number: str) -> float:
        """When a genuine callback told of an order's payment last; 0 if none did."""
        query = "SELECT max(at) FROM callbacks WHERE number = ? AND is_genuine = 1 AND is_paid = 1"
        return float(self.db.execute(query, (number,)).fetchone()[0] or 0.0)

    def asked(self, number: str) -> float | None:
        """When the gateway was last asked for an order, whether it answered or not."""
        query = "SELECT at FROM questions WHERE number = ?"
        row = self.db.execute(query, (number,)).fetchone()
        last = max(self.answered(number), float(row[0]) if row else 0.0)
        return last or None

    def add_question(self, number: str, now: float) -> None:
        """Note that a gateway is asked for an order."""
        self.db.execute("INSERT OR REPLACE INTO questions VALUES (?, ?)", (number, now))

    def start_act(self, number: str, callback: str, kind: str, now: float) -> int:
        """Note that something is about to be sent to One API; durable before it is sent."""
        statement = "INSERT INTO acts (number, callback, kind, started) VALUES (?, ?, ?, ?)"
        return self.db.execute(statement, (number, callback, kind, now)).lastrowid or 0

    def end_act(self, identity: int, result: str, now: float) -> None:
        """Note what came of it."""
        statement = "UPDATE acts SET ended = ?, result = ? WHERE id = ?"
        self.db.execute(statement, (now, result, identity))


def callback_row(
    callback: Callback, at: tuple[str, str], claim: Claim, *, is_accepted: bool, line: bytes
) -> tuple[Any, ...]:
    """A row; ``at``: which kind of gateway, which payment row. Some lines may be sent again."""
    gateway, row = at
    money = None if claim.money is None else str(claim.money)
    keep = claim.is_genuine and claim.is_paid and callback.body_is_whole
    texts = (claim.number, claim.gateway_number, claim.currency, claim.merchant, row)
    number, gateway_number, currency, merchant, row = (clean(text)[:LONGEST] for text in texts)
    answer = callback.answer if claim.is_genuine else (callback.answer or b"")[:LONGEST]
    what = (number, gateway_number, money, currency, merchant)
    flags = (int(claim.is_paid), int(claim.is_genuine), int(claim.is_test))
    head = (callback.id, callback.at, gateway, row, *what, *flags, callback.client)
    tail = (callback.status, answer, int(is_accepted), callback.seconds, callback.request_id)
    return (*head, *tail, line if keep else None)


def is_genuine(row: tuple[Any, ...]) -> bool:
    """Whether a callback's row is the gateway's own."""
    return bool(row[GENUINE])


def _order_row(order: Order, now: float) -> tuple[Any, ...]:
    quota = max(-MOST_QUOTA, min(order.quota, MOST_QUOTA))  # New API before 2026-08-14 takes any
    head = (order.number, order.user, order.row, order.money_text, order.currency, quota)
    return (*head, order.status.value, order.created, order.gateway_number, now)


def order(row: sqlite3.Row) -> Order:
    """An order from its row."""
    money = Decimal(row["money"]) if row["money"] else None
    return Order(
        row["number"], row["user"], row["account"], money, row["currency"],
        row["quota"], Status(row["status"]), row["created"], row["gateway_number"],
    )  # fmt: skip


def claim(row: sqlite3.Row) -> Claim:
    """A notice from a callback's row."""
    money = None if row["money"] is None else Decimal(row["money"])
    return Claim(
        row["number"], row["gateway_number"], money, row["currency"], row["merchant"],
        bool(row["is_paid"]), bool(row["is_genuine"]), bool(row["is_test"]),
    )  # fmt: skip


def reply(row: sqlite3.Row) -> Reply:
    """A gateway's word from its row."""
    money = None if row["money"] is None else Decimal(row["money"])
    return Reply(
        PaymentStatus(row["status"]), row["number"], row["gateway_number"], money, row["currency"],
        row["merchant"], row["detail"],
    )  # fmt: skip
