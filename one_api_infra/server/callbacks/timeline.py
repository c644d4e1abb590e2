"""All that is known of one order, as lines for people: what users are asked for in every forum."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from urllib.parse import parse_qsl, urlencode

from one_api_infra.server.callbacks import auditor, cases, diagnosis, remedies
from one_api_infra.server.callbacks.audit import Class
from one_api_infra.server.callbacks.diagnosis import Seen
from one_api_infra.server.callbacks.gateways.gateway import Reply
from one_api_infra.server.callbacks.ledger import Ledger, reply
from one_api_infra.server.callbacks.order import NEAR
from one_api_infra.shared import foreign
from one_api_infra.shared.callback import Callback, parse
from one_api_infra.shared.texts import N_, _

HIDDEN = frozenset({"sign", "key", "sign_type"})
# Order of events within one second: causes before effects. One API's times are whole seconds.
ORDER, CALLBACK, ACT, LOG, CREDIT, CORRECTION, WORD, CASE = range(8)
ACTS = {
    "replay": N_("the callback service sent the callback again"),
    "reconcile": N_("the callback service let One API credit it, by the gateway's word"),
}


@dataclass(frozen=True)
class Event:
    """Something that happened to an order; ``kind`` orders what happened in the same second."""

    at: float
    kind: int
    words: str


@dataclass(frozen=True)
class Look:
    """What is known beside the ledger.

    ``events`` are from One API's journal, ``unread`` are callbacks that the ledger lacks,
    ``tried`` is the gateway's reply just now if it told nothing; ``is_asked``: One API answered.
    """

    events: Sequence[Event] = ()
    unread: Sequence[Callback] = ()
    tried: Reply | None = None
    is_asked: bool = True


NOTHING = Look()


def lines(
    ledger: Ledger,
    number: str,
    zone: tzinfo,
    look: Look = NOTHING,
) -> Iterator[str]:
    """The order's story, its verdict, and what to do."""
    for event in in_order([*_events(ledger, number), *look.events, *map(_unread, look.unread)]):
        moment = datetime.fromtimestamp(event.at, zone)
        yield f"{moment:%Y-%m-%d %H:%M:%S}  {event.words}"
    yield ""
    row = ledger.db.execute("SELECT class FROM orders WHERE number = ?", (number,)).fetchone()
    unknown = Class.UNKNOWN_ORDER if look.is_asked else Class.WAITING
    kind = Class(row["class"] or Class.WAITING) if row else unknown
    last = look.tried or ledger.reply(number)
    seen = [*_seen(ledger, number), *map(_unjudged, look.unread)]
    yield _("Verdict: {title}", title=_title(ledger, number, kind, seen, last))
    if kind not in {Class.CREDITED, Class.SETTLED} and (row or seen):
        yield diagnosis.loss(seen, last)
    query = "SELECT * FROM cases WHERE number = ? AND closed IS NULL"
    for case in ledger.db.execute(query, (number,)).fetchall():
        yield from cases.lines(auditor.of_row(ledger, case))
        if remedies.is_acted(case["remedy"]):
            yield cases.when_done(number)


def in_order(events: Sequence[Event]) -> list[Event]:
    """By time, causes before effects: a credit is dated by the second in which its cause began."""
    causes = [each.at for each in events if each.kind in {CALLBACK, ACT}]
    moved = [
        replace(each, at=max([each.at, *(at for at in causes if 0 < at - each.at <= NEAR)]))
        if each.kind == CREDIT
        else each
        for each in events
    ]
    return sorted(moved, key=lambda each: (int(each.at), each.kind, each.at))


def is_known(ledger: Ledger, number: str) -> bool:
    """Whether the ledger has anything of that number."""
    return any(True for _each in _events(ledger, number))


def _unjudged(callback: Callback) -> Seen:
    return Seen(
        callback.status, callback.answer, is_accepted=False, is_genuine=False, is_paid=False,
        has_row=True, is_judged=False,
    )  # fmt: skip


def _unread(callback: Callback) -> Event:
    """A callback that was not judged: One API, which has the key, does not answer."""
    answer = "-" if callback.answer is None else callback.answer[:40].decode("utf-8", "replace")
    words = _(
        "callback from {client}: HTTP {status} {answer} in {seconds} s",
        client=foreign.text(callback.client), status=callback.status, answer=_plain(answer),
        seconds=f"{callback.seconds:.3f}",
    )  # fmt: skip
    mark = _("not judged yet: One API does not answer")
    shown = f"{callback.method} {redacted(callback.uri)}"
    return Event(callback.at, CALLBACK, f"{words}; {mark}; {shown}")


def _title(
    ledger: Ledger, number: str, kind: Class, seen: Sequence[Seen], last: Reply | None
) -> str:
    """Paid, not paid, or nobody knows: an order that waits is one of the three."""
    said_so = any(each.is_genuine and not each.is_paid for each in seen)
    if kind is Class.WAITING and not diagnosis.is_denied(last) and not said_so:
        return _("nobody knows whether it is paid")
    return diagnosis.title(kind)


def _events(ledger: Ledger, number: str) -> Iterator[Event]:
    for order in ledger.orders("number = ?", number):
        words = _(
            "order of user {user} over {money} {currency}, quota {quota}",
            money=order.money_text or "?", currency=foreign.text(order.currency), quota=order.quota,
            user=order.user,
        )  # fmt: skip
        yield Event(order.created, ORDER, words)
    for row in _rows(ledger, "SELECT * FROM callbacks WHERE number = ?", number):
        yield Event(row["at"], CALLBACK, _callback(row))
    for row in _rows(ledger, "SELECT * FROM replies WHERE number = ?", number):
        yield Event(row["at"], WORD, diagnosis.reply_text(reply(row)))
    for row in _rows(ledger, "SELECT * FROM acts WHERE number = ?", number):
        result = diagnosis.act(row["result"]) or _("no answer yet")
        words = f"{_(ACTS[row['kind']])}: {result}"
        yield Event(row["ended"] or row["started"], ACT, words)
    for row in _rows(ledger, "SELECT * FROM credits WHERE number = ?", number):
        words = _("credited: quota {quota} to user {user}", quota=row["quota"], user=row["user"])
        yield Event(row["at"], CREDIT, words)
    for row in _rows(ledger, "SELECT * FROM corrections WHERE number = ?", number):
        words = _("by hand: quota {quota} to user {user}", quota=row["quota"], user=row["user"])
        yield Event(row["at"], CORRECTION, words)
    for row in _rows(ledger, "SELECT * FROM cases WHERE number = ?", number):
        yield Event(row["opened"], CASE, _("case: {kind}", kind=_kind(row["class"])))
        if row["closed"]:
            yield Event(row["closed"], CASE, _("the case has ended"))


def _kind(name: str) -> str:
    return diagnosis.title(Class(name)) if name in set(Class) else name


def _rows(ledger: Ledger, query: str, number: str) -> list[sqlite3.Row]:
    return ledger.db.execute(query, (number,)).fetchall()


def _callback(row: sqlite3.Row) -> str:
    answer = "-" if row["answer"] is None else row["answer"][:40].decode("utf-8", "replace")
    words = _(
        "callback from {client}: HTTP {status} {answer} in {seconds} s",
        client=foreign.text(row["client"]), status=row["status"], answer=_plain(answer),
        seconds=f"{row['seconds']:.3f}",
    )  # fmt: skip
    marks = [
        _("genuine") if row["is_genuine"] else _("signature wrong"),
        _("paid") if row["is_paid"] else _("not paid"),
        _("accepted") if row["is_accepted"] else _("not accepted"),
    ]
    kept = parse(row["line"]) if row["line"] else None
    shown = f"; {kept.method} {redacted(kept.uri)}" if kept else ""
    return f"{words}; {', '.join(marks)}{shown}"


def _plain(answer: str) -> str:
    return foreign.text(answer) or "-"


def redacted(uri: str) -> str:
    """A URI without signatures and keys."""
    path, _mark, query = uri.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    shown = [(name, "***" if name in HIDDEN else value) for name, value in pairs]
    return foreign.text(f"{path}?{urlencode(shown, safe='*')}" if shown else path)


def _seen(ledger: Ledger, number: str) -> list[Seen]:
    rows = _rows(ledger, "SELECT * FROM callbacks WHERE number = ? ORDER BY at", number)
    return [
        Seen(
            row["status"], row["answer"], bool(row["is_accepted"]), bool(row["is_genuine"]),
            bool(row["is_paid"]), bool(row["gateway"]),
        )
        for row in rows
    ]  # fmt: skip
