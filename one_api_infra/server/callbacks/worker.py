"""One run of the callback service: read, mend, ask, credit, classify, tell."""

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from one_api_infra.checks import remedy
from one_api_infra.server.callbacks import (
    auditor,
    cases,
    intake,
    journal,
    lists,
    outages,
    remedies,
    rewind,
    silent,
    tests,
)
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.intake import Accounts, Read
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.loopback import Send
from one_api_infra.server.callbacks.order import Order
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource
from one_api_infra.server.callbacks.reconcile import Reconciler, Turn
from one_api_infra.shared import outbox
from one_api_infra.shared.editions.api import ApiError
from one_api_infra.shared.texts import _

OUTBOX, UNDELIVERED = "outbox", "undelivered"
REFUSALS = 3  # replays of a callback before its gateway is asked
BLIND, STRANGERS, BEHIND = "blind", "strangers", "behind"
SOON, LATER = 5.0, 20.0  # seconds for reading the log, before what is lost is mended and after
FORGED_DAYS, DAY = 1, 86400.0

Deliver = Callable[[Sequence[Mapping[str, Any]]], tuple[list[Mapping[str, Any]], list[str]]]


@dataclass(frozen=True)
class Worker:
    """The callback service on one server; ``acts`` is false where only reports are wanted."""

    ledger: Ledger
    source: OrderSource
    send: Send
    log: Path
    acts: bool
    keep_days: int
    restored: Path  # a journal that a restore has brought back
    turn: Turn = nullcontext
    rewound: Path | None = None  # what a rollback has left

    def run(self, now: float) -> None:
        """One run. ApiError if One API does not answer: the run then ends there."""
        outages.begin(self.ledger, now)
        try:
            known = intake.accounts(self.source.accounts())
            intake.keep_accounts(self.ledger, known)
            tests.forget(self.ledger, known)
            if not self.source.is_blind:
                intake.judge_anew(self.ledger, self.log, known, now)
            back = rewind.mark(self.rewound)
            is_back = back and rewind.rewind(self.ledger, self.log, back, now)
            read = self._read_log(known, SOON)
            if back and is_back:
                rewind.accept_none(self.ledger, back)
            if self.restored.is_dir():
                lists.restored(self.ledger, now)
            if not self.source.is_blind:  # else nobody could judge what it holds
                journal.bring(self.ledger, self.source, self.restored, known, now)
            intake.read_orders(self.ledger, self.source, now)
            lists.bring(self.ledger, self.source, known, now)
        except ApiError:
            self.ledger.note(outages.DOWN, now)
            self.ledger.add_run(now, down=True)
            raise
        outage_ended = outages.end(self.ledger, now)
        reconciler = Reconciler(
            self.ledger, self.source, known, self.send, now, self.acts, self.turn
        )
        judge = auditor.of(self.ledger, self.source, known, now, acts=self.acts)
        reconciler.end_interrupted()
        reconciler.ask_anew(judge.watched(), outage_ended)
        reconciler.replay(outage_ended)
        reconciler.ask(self._in_question(judge.watched(), now), outage_ended)
        reconciler.reconcile(outage_ended)
        silent.keep(self.ledger, known, now)
        intake.read_orders(self.ledger, self.source, now)
        # A credit's callback may have come meanwhile; and the rest of a flood waits until now.
        self._note_strangers(now, read, self._read_log(known, LATER))
        judge.audit()
        reconciler.close_overdue(judge.beyond_help())
        self._purge(now)
        self.ledger.add_run(now, down=False)
        self.ledger.note(outages.RAN, now)

    def _read_log(self, known: Accounts, seconds: float) -> Read:
        """Read on, unless nobody could judge what is read: then it waits until the key is there."""
        self.ledger.note(BLIND, int(self.source.is_blind))
        if self.source.is_blind:
            return Read()
        return intake.read_log(self.ledger, self.log, known, seconds)

    def _note_strangers(self, now: float, *reads: Read) -> None:
        """How many callbacks a second were nobody's since the last run: a flood is told of."""
        passed = max(now - float(self.ledger.note(outages.RAN) or now), 20.0)
        self.ledger.note(STRANGERS, sum(each.strangers for each in reads) / passed)
        self.ledger.note(BEHIND, int(not reads[-1].is_whole))

    def _in_question(self, orders: Sequence[Order], now: float) -> list[Order]:
        """Orders whose payment only the gateway can tell: no genuine callback has told of it.

        And those whose callback One API refuses, or would: the gateway's word is another way to
        credit them.
        """
        query = "SELECT count(*) FROM acts WHERE number = ? AND kind = 'replay'"
        return [
            order
            for order in orders
            if not any(each.is_paid for each in self.ledger.claims(order.number))
            or self.ledger.db.execute(query, (order.number,)).fetchone()[0] >= REFUSALS
            or self._is_too_old(order, now)
        ]

    def _is_too_old(self, order: Order, now: float) -> bool:
        """Whether all its callbacks are older than their signatures are taken."""
        query = (
            "SELECT gateway, max(at) FROM callbacks WHERE number = ? AND is_genuine = 1"
            " AND is_paid = 1 GROUP BY gateway"
        )
        found = self.ledger.db.execute(query, (order.number,)).fetchall()
        deadlines = ((GATEWAYS[kind].deadline, at) for kind, at in found if kind in GATEWAYS)
        return bool(found) and all(age and at < now - age for age, at in deadlines)

    def _purge(self, now: float) -> None:
        """Forget what is forged after a day, and what is older than the log."""
        delete = "DELETE FROM callbacks WHERE at < ?"
        with self.ledger.transaction():
            old = now - FORGED_DAYS * DAY
            self.ledger.db.execute(f"{delete} AND is_genuine = 0", (old,))
            self.ledger.db.execute(delete, (now - self.keep_days * DAY,))
            self.ledger.db.execute("DELETE FROM questions WHERE at < ?", (old,))
            # What is settled is not sent again; the log itself keeps every byte.
            self.ledger.db.execute(
                "UPDATE callbacks SET line = NULL WHERE line IS NOT NULL AND EXISTS"
                " (SELECT 1 FROM orders WHERE orders.number = callbacks.number AND is_settled = 1)"
            )
        self.ledger.compact()


@contextlib.contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Whether nobody else is at it; the kernel ends the lock with its holder."""
    with path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def tell(  # noqa: PLR0913
    ledger: Ledger,
    domain: str,
    channels: range,
    deliver: Deliver,
    summary: Mapping[str, str],
    *,
    now: float,
    inventory: str = remedy.INVENTORY,
) -> None:
    """Tell of new cases and of those that are mended, once, and the day's summary if there is one.

    What a channel does not take waits for the next run.
    """
    due, reconciled = auditor.unnotified(ledger), auditor.resolved(ledger)
    waiting = json.loads(ledger.note(OUTBOX) or "[]")
    case = (
        {"title": _title(domain, due), "body": _body(due, reconciled)} if due or reconciled else {}
    )
    texts = [text for text in (case, summary) if text]
    if texts:
        for text in texts:
            body = remedy.named(text["body"], inventory)
            print(text["title"], body, sep="\n", flush=True)
            waiting += outbox.messages(text["title"], body, channels, now)
        with ledger.transaction():  # before anything is sent: who dies here must not tell it twice
            auditor.mark(ledger, due)
            ledger.note(OUTBOX, json.dumps(waiting))
    left, failed = deliver(waiting)
    ledger.note(OUTBOX, json.dumps(left))
    ledger.note(UNDELIVERED, json.dumps(failed))


def _title(domain: str, due: Sequence[cases.Case]) -> str:
    if due:
        return _("{domain}: payments that need you: {count}", domain=domain, count=len(due))
    return _("{domain}: payments are reconciled", domain=domain)


def _body(due: Sequence[cases.Case], reconciled: Sequence[str]) -> str:
    lines = []
    for case in due:
        lines += [
            *cases.lines(case),
            *_next(case),
            "",
        ]
    lines += [_("Resolved: order {number}", number=number) for number in reconciled]
    return "\n".join(lines)


def _next(case: cases.Case) -> list[str]:
    """What to do with a case of one order."""
    if case.kind == cases.INVALID_SIGNATURE:
        return []
    all_of_it = _("All of it: `one-api-infra order {number}`", number=case.number)
    return [all_of_it, *([cases.when_done(case.number)] if remedies.is_acted(case.remedy) else [])]
