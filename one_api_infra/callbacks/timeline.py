"""All that is known of one order, as lines for people: what users are asked for in every forum."""

import datetime
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from one_api_infra.callbacks import cases, diagnosis
from one_api_infra.callbacks.audit import Class
from one_api_infra.callbacks.callback import parse
from one_api_infra.callbacks.cases import Case
from one_api_infra.callbacks.diagnosis import Seen
from one_api_infra.callbacks.ledger import Ledger
from one_api_infra.texts import _

HIDDEN = frozenset({"sign", "key", "sign_type"})


@dataclass(frozen=True)
class Event:
    """Something that happened to an order."""

    at: float
    what: str
    words: str


def lines(ledger: Ledger, number: str) -> Iterator[str]:
    """The order's story, its verdict, and what to do."""
    yield from (_event(each) for each in sorted(_events(ledger, number), key=lambda each: each.at))
    found = ledger.orders("number = ?", number)
    row = ledger.db.execute("SELECT class FROM orders WHERE number = ?", (number,)).fetchone()
    kind = Class(row["class"] or Class.WAITING) if row else Class.UNKNOWN_ORDER
    yield ""
    yield _("Verdict: {title}", title=diagnosis.title(kind))
    if kind is not Class.CREDITED:
        yield diagnosis.loss(_seen(ledger, number), ledger.word(number))
    query = "SELECT * FROM cases WHERE number = ? AND closed IS NULL"
    for case in ledger.db.execute(query, (number,)).fetchall():
        order = found[0] if found else None
        yield from cases.lines(Case(number, case["class"], order, case["detail"]))
        yield cases.when_done(number)


def is_known(ledger: Ledger, number: str) -> bool:
    """Whether the ledger has anything of that number."""
    return any(True for _each in _events(ledger, number))


def _events(ledger: Ledger, number: str) -> Iterator[Event]:
    for order in ledger.orders("number = ?", number):
        words = _(
            "{status}: {money} {currency}, quota {quota}, user {user}",
            status=order.status.value, money=order.money, currency=order.currency,
            quota=order.quota, user=order.user,
        )  # fmt: skip
        yield Event(order.created, _("order in One API"), words)
    for row in _rows(ledger, "SELECT * FROM callbacks WHERE number = ?", number):
        yield Event(row["at"], _("callback"), _callback(row))
    for row in _rows(ledger, "SELECT * FROM words WHERE number = ?", number):
        parts = (row["said"], row["money"], row["currency"], row["gateway_number"], row["detail"])
        yield Event(row["at"], _("gateway says"), " ".join(filter(None, parts)))
    for row in _rows(ledger, "SELECT * FROM acts WHERE number = ?", number):
        yield Event(row["started"], row["kind"], row["result"] or "…")
    for row in _rows(ledger, "SELECT * FROM cases WHERE number = ?", number):
        yield Event(row["opened"], _("case"), row["class"])


def _rows(ledger: Ledger, query: str, number: str) -> list[sqlite3.Row]:
    return ledger.db.execute(query, (number,)).fetchall()


def _callback(row: sqlite3.Row) -> str:
    answer = "-" if row["answer"] is None else row["answer"][:40].decode("utf-8", "replace")
    words = _(
        "from {client}: HTTP {status} {answer!r} in {seconds} s",
        client=row["client"], status=row["status"], answer=answer, seconds=row["seconds"],
    )  # fmt: skip
    marks = [
        _("genuine") if row["is_genuine"] else _("signature wrong"),
        _("paid") if row["is_paid"] else _("not paid"),
        _("taken") if row["is_taken"] else _("not taken"),
    ]
    kept = parse(row["line"]) if row["line"] else None
    shown = f" {kept.method} {redacted(kept.uri)}" if kept else ""
    return f"{words}, {', '.join(marks)}{shown}"


def redacted(uri: str) -> str:
    """A URI without signatures and keys."""
    path, _mark, query = uri.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    shown = [(name, "***" if name in HIDDEN else value) for name, value in pairs]
    return f"{path}?{urlencode(shown, safe='*')}" if shown else path


def _seen(ledger: Ledger, number: str) -> list[Seen]:
    rows = _rows(ledger, "SELECT * FROM callbacks WHERE number = ? ORDER BY at", number)
    return [
        Seen(
            row["status"], row["answer"], bool(row["is_taken"]), bool(row["is_genuine"]),
            bool(row["is_paid"]), bool(row["gateway"]),
        )
        for row in rows
    ]  # fmt: skip


def _event(event: Event) -> str:
    moment = datetime.datetime.fromtimestamp(event.at, datetime.UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}Z  {event.what}  {event.words}"
