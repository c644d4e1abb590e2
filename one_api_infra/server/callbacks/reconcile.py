"""Replay and reconciliation: what One API did not credit is sent to it again, by its own way.

One API credits an order only while it is pending. So the order's status, and what people added by
hand, are read again right before each sending. An act is stored before it is done: after a run that
was killed, the next one finds it and waits until One API must have finished (``schedule.LEASE``).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from one_api_infra.server.callbacks import asking, audit, auditor, outages, schedule
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.gateways.gateway import (
    Account,
    AskError,
    CallbackRequest,
    PaymentStatus,
    Reply,
)
from one_api_infra.server.callbacks.intake import Accounts
from one_api_infra.server.callbacks.ledger import Ledger, claim
from one_api_infra.server.callbacks.loopback import Send, as_it_came, readable
from one_api_infra.server.callbacks.order import Order, Status
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource
from one_api_infra.shared.callback import Callback, clean, parse

REPLAY, RECONCILE, CLOSE = "replay", "reconcile", "close"
Turn = Callable[[], AbstractContextManager[None]]
LONG = 600.0  # seconds within which nobody pays back
AWAITED, ANEW = 600.0, 15.0  # seconds for which a silent gateway is waited for, and asked again
OVERDUE = 600.0  # seconds between two tries to let One API close what is beyond help
CREDITED, REFUSED, INTERRUPTED = "credited", "refused", "interrupted"


@dataclass(frozen=True)
class Reconciler:
    """What mends. ``now`` is the run's time; ``acts`` is false where only reports are wanted.

    ``turn`` is held while an order is credited.
    """

    ledger: Ledger
    source: OrderSource
    accounts: Accounts
    send: Send
    now: float
    acts: bool = True
    turn: Turn = nullcontext

    def replay(self, outage_ended: float) -> None:
        """Send genuine callbacks of orders that are still pending again, oldest first."""
        query = (
            "SELECT callbacks.* FROM callbacks JOIN orders USING (number)"
            " WHERE orders.status = 'pending' AND done_at IS NULL AND is_genuine = 1"
            " AND is_paid = 1 AND line IS NOT NULL GROUP BY number HAVING at = max(at) ORDER BY at"
        )
        for row in self.ledger.db.execute(query).fetchall():
            order = self.ledger.orders("number = ?", row["number"])[0]
            if not self._is_open(order.row):  # not the callback's: some rows share key and path
                continue
            if self._is_refunded(order.number, row["at"]):
                continue
            gateway = GATEWAYS[row["gateway"]]
            attempts, last = self._attempts(row["number"], row["id"])
            if last is None and self._is_awaited(order, row["at"], outage_ended):
                continue
            due = schedule.resend_due(row["at"], attempts, last, self.now, gateway.deadline)
            callback = parse(row["line"]) if due else None
            if callback and not audit.differs(order, claim(row)):
                made = self._made(callback, gateway.kind)
                self._act(order.number, callback.id, REPLAY, partial(self._sent, made))

    def _is_refunded(self, number: str, at: float) -> bool:
        """Whether the gateway has said since a callback that the payment is closed."""
        reply = self.ledger.reply(number)
        is_closed = reply is not None and reply.status is PaymentStatus.CLOSED
        return is_closed and self.ledger.answered(number) > at

    def _is_awaited(self, order: Order, at: float, outage_ended: float) -> bool:
        """Whether its gateway is still to say that a call from before a long outage stands."""
        is_waiting = outage_ended - at > LONG and self.now - outage_ended < AWAITED
        account = self.accounts.get(order.row)
        asks = account is not None and GATEWAYS[account.gateway].asks
        return is_waiting and asks and not self._is_told(order.number, at)

    def _is_told(self, number: str, since: float) -> bool:
        """Whether the gateway has said anything of a payment since then."""
        reply = self.ledger.reply(number)
        return bool(reply and reply.status.tells and self.ledger.answered(number) > since)

    def _is_open(self, row: str) -> bool:
        """Whether One API takes callbacks for a payment row, as far as it tells."""
        account = self.accounts.get(row)
        return account is None or account.is_enabled

    def _made(self, callback: Callback, kind: str) -> CallbackRequest:
        if kind != "epay":
            return as_it_came(callback)
        return readable(callback, self.source.edition)

    def ask_anew(self, orders: Sequence[Order], outage_ended: float) -> None:
        """Ask for orders that were called for before a long outage: they may be paid back since."""
        due: dict[str, list[Order]] = defaultdict(list)
        for order in orders:
            at = self.ledger.called(order.number)
            asked = self.ledger.asked(order.number) or 0.0
            if at and self._is_awaited(order, at, outage_ended) and self.now - asked > ANEW:
                due[order.row].append(order)
        for order, reply in asking.side_by_side(due, self._reply, self._begin):
            self._keep(order, reply)

    def ask(self, orders: Sequence[Order], outage_ended: float) -> None:
        """Ask the gateways for orders that are not settled, as their schedule says.

        Accounts are asked side by side, each for one order after the other: who waited longest
        first, and each user in turn.
        """
        due: dict[str, list[Order]] = defaultdict(list)
        waited = sorted(orders, key=lambda each: self.ledger.asked(each.number) or 0)
        for order in schedule.in_turn(waited):
            if self._is_due(order, outage_ended):
                due[order.row].append(order)
        for order, reply in asking.side_by_side(due, self._reply, self._begin):
            self._keep(order, reply)

    def question(self, order: Order) -> Reply | None:
        """What the gateway says of one order now; None where nobody can be asked."""
        if order.row not in self.accounts:
            return None
        found = asking.side_by_side({order.row: [order]}, self._reply, lambda _order: None)
        return next((reply for _order, reply in found), None)

    def _begin(self, order: Order) -> None:
        """Note that it is asked for: a question that never ends must not be the first again."""
        self.ledger.add_question(order.number, self.now)

    def _keep(self, order: Order, reply: Reply) -> None:
        """Note a word; "paid" is not forgotten because the gateway is silent now."""
        known = self.ledger.reply(order.number)
        if known and known.status is PaymentStatus.PAID and not reply.status.tells:
            return
        self.ledger.add_reply(order.number, reply, self.now)

    def reconcile(self, outage_ended: float) -> None:
        """Credit what the gateway says is paid, where One API has a way in.

        A word of before an outage, or of long ago, may be over: it is asked for again first.
        """
        paid = self._paid()
        old = [order for order in paid if not self._is_fresh(order, outage_ended)]
        self._ask_again(old)
        for order in self._paid() if old else paid:
            if not self._is_fresh(order, outage_ended):
                continue
            reply, account = self.ledger.reply(order.number), self.accounts.get(order.row)
            if reply is None or account is None:
                continue
            if not (account.is_enabled or self.source.can_complete):
                continue
            if not audit.may_credit(order, account.merchant, reply):
                continue
            attempts, last = self._attempts(order.number, "")
            if schedule.resend_due(0, attempts, last, self.now, None):
                self._credit(order.number, account, reply)

    def _paid(self) -> list[Order]:
        """Pending orders that a gateway says are paid."""
        return self.ledger.orders(
            "status = 'pending' AND done_at IS NULL AND number IN"
            " (SELECT number FROM replies WHERE status = 'paid') ORDER BY created"
        )

    def _is_fresh(self, order: Order, outage_ended: float) -> bool:
        """Whether the gateway's word is of now, or was when sending it was first tried."""
        account, answered = self.accounts.get(order.row), self.ledger.answered(order.number)
        if account is None or not GATEWAYS[account.gateway].asks:
            return True  # it is told by a list, each time anew
        _count, last = self._attempts(order.number, "")
        is_new = self.now - answered <= LONG or (last is not None and last >= answered)
        return is_new and answered >= outage_ended

    def _ask_again(self, orders: Sequence[Order]) -> None:
        due: dict[str, list[Order]] = defaultdict(list)
        for order in orders:
            if self.now - (self.ledger.asked(order.number) or 0.0) > ANEW:
                due[order.row].append(order)
        for order, reply in asking.side_by_side(due, self._reply, self._begin):
            self._keep(order, reply)

    def _credit(self, number: str, account: Account, reply: Reply) -> None:
        """By One API's own completion if it has one, else by the notification the key makes."""
        if self.source.can_complete:
            self._act(number, "", RECONCILE, partial(self.source.complete, number))
        elif made := GATEWAYS[account.gateway].callback_request(account, reply):
            self._act(number, "", RECONCILE, partial(self._sent, made))

    def _sent(self, made: CallbackRequest) -> str:
        answer = self.send(made)
        return f"{answer.status} {clean(answer.body[:80].decode('utf-8', 'replace'))}"

    def close_overdue(self, orders: Sequence[Order]) -> None:
        """Let One API close orders that nobody, gateway or service, can have credited any more.

        What is closed takes no callback, so that it can be credited by hand without a doubt.
        """
        last = float(self.ledger.note(CLOSE) or 0)
        if self.acts and orders and self.now - last > OVERDUE:
            self.ledger.note(CLOSE, self.now)
            self.source.close_overdue()

    def end_interrupted(self) -> None:
        """Acts of a run that died: what came of them, the order tells."""
        # One that began in a time to come was begun by a clock that was ahead.
        query = "SELECT id FROM acts WHERE ended IS NULL AND (started < ? OR started > ?)"
        times = (self.now - schedule.LEASE, self.now)
        for row in self.ledger.db.execute(query, times).fetchall():
            self.ledger.end_act(row["id"], INTERRUPTED, self.now)

    def _attempts(self, number: str, callback: str) -> tuple[int, float | None]:
        """How often this was sent, and when last, by whatever act."""
        query = (
            "SELECT count(*) FILTER (WHERE callback = ?), max(started) FROM acts WHERE number = ?"
        )
        count, last = self.ledger.db.execute(query, (callback, number)).fetchone()
        return max(count, 1 if last else 0), last

    def _act(self, number: str, callback: str, kind: str, do: Callable[[], str]) -> None:
        """Do it, if the order waits for it and nobody was or is at it.

        ``do`` tells One API's answer.
        """
        open_act = "SELECT 1 FROM acts WHERE number = ? AND ended IS NULL"
        if not self.acts or self.ledger.db.execute(open_act, (number,)).fetchone():
            return
        with self.turn():
            self._do(number, callback, kind, do)

    def _do(self, number: str, callback: str, kind: str, do: Callable[[], str]) -> None:
        current = self.source.order(number)
        if current is None or current.status is not Status.PENDING or self._by_hand(current):
            return
        if auditor.is_done(self.ledger, number):  # said since this run began
            return
        act = self.ledger.start_act(number, callback, kind, self.now)
        words = do()
        after = self.source.order(number)
        done = after is not None and after.status is Status.SUCCESS
        credits = self.source.credits_of(number) if done else ()  # older than what is read, maybe
        with self.ledger.transaction():
            self.ledger.end_act(act, CREDITED if done else f"{REFUSED}: {words}", self.now)
            if after:
                self.ledger.add_orders([after], self.now)
            self.ledger.add_credits(credits)

    def _by_hand(self, order: Order) -> bool:
        """Whether a person has credited it, or may have, as One API tells at this moment."""
        self.ledger.add_corrections(self.source.corrections(order.created))
        if self.ledger.corrected(order.number) > 0:
            return True
        return auditor.is_held(self.ledger, order)

    def _is_due(self, order: Order, outage_ended: float) -> bool:
        account = self.accounts.get(order.row)
        if account is None or not GATEWAYS[account.gateway].asks:
            return False
        asked = self.ledger.asked(order.number)
        since = outages.since(self.ledger, self.now)
        return schedule.ask_due(order.created, asked, self.now, outage_ended, since)

    def _reply(self, order: Order) -> Reply:
        account: Account = self.accounts[order.row]
        try:
            reply = GATEWAYS[account.gateway].ask(account, order.number, order.created)
        except AskError:
            raise
        except Exception as error:  # libraries and hostile answers; nobody's order may stop the run
            raise AskError(type(error).__name__) from None
        if reply.status.tells and reply.number != order.number:
            # Some clones ignore the number and tell of their latest order.
            return Reply(
                PaymentStatus.UNKNOWN, order.number, detail=f"tells of {reply.number[:50]}"
            )
        return reply
