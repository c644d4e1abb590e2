"""Orders to classes, classes to cases, cases to messages that wait to be sent."""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from one_api_infra.server.callbacks import audit, cases, diagnosis, order, outages, remedies
from one_api_infra.server.callbacks.audit import Class, Done, Facts
from one_api_infra.server.callbacks.cases import INVALID_SIGNATURE, Case
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.intake import (
    EDITION,
    ORDERS_BEGIN,
    QUOTA_DISPLAY,
    Accounts,
)
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.order import DOLLARS, Order, QuotaDisplay, Status
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource
from one_api_infra.server.callbacks.remedies import Remedy
from one_api_infra.server.callbacks.schedule import HORIZON

SETTLED = 600.0  # seconds after which a credited order is looked at only if it gets more credits
WATCHED = HORIZON + 3600
DONE = 3  # in cases.notified: the admin has dealt with it


@dataclass(frozen=True)
class Auditor:
    """What classifies. ``is_active`` is false where the callback service only reports.

    ``is_gone`` tells of a payment row whether One API has it no more; ``completes`` is whether One
    API completes an order by itself.
    """

    ledger: Ledger
    accounts: Accounts
    is_gone: Callable[[str], bool]
    now: float
    completes: bool = False
    is_active: bool = True

    def watched(self) -> list[Order]:
        """Orders that are not settled: of the last day, late payments, and open cases."""
        return self.ledger.orders(
            "(created >= :since AND is_settled = 0)"
            " OR (is_settled = 0 AND class IN ('paid_pending', 'paid_closed'))"
            " OR number IN (SELECT number FROM cases WHERE closed IS NULL)"
            " OR number IN (SELECT number FROM corrections WHERE at >= :since)"
            " OR (status != 'success' AND number IN (SELECT number FROM callbacks"
            "     WHERE is_genuine = 1 AND is_paid = 1 AND at >= :since))",
            {"since": self._since},
        )

    @property
    def _since(self) -> float:
        return outages.since(self.ledger, self.now) - (WATCHED - HORIZON)

    def audit(self) -> None:
        """Classify, open and close cases: one transaction."""
        with self.ledger.transaction():
            free = self.ledger.nobodys_credits()
            found = order.assign(self.ledger.successes(), free, self.now) if free else {}
            self.ledger.own(found)
            chosen = {each.number: each for each in self.watched()}
            for number in set(found.values()) - set(chosen):
                chosen |= {each.number: each for each in self.ledger.orders("number = ?", number)}
            for each in chosen.values():
                self._classify(each)
            self._strangers()
            self._forged()

    def _facts(self, each: Order) -> Facts:
        query = "SELECT since, done_at, done_credits FROM orders WHERE number = ?"
        row = self.ledger.db.execute(query, (each.number,)).fetchone()
        done = None if row["done_at"] is None else Done(row["done_at"], row["done_credits"])
        return Facts(
            each,
            self.ledger.claims(each.number),
            self.ledger.reply(each.number),
            self._credits(each),
            row["since"],
            self.ledger.answered(each.number),
            self.ledger.corrected(each.number, done.at if done else 0.0),
            done,
        )

    def _credits(self, each: Order) -> int:
        """An order's credits; one is taken for granted where the ledger does not go back so far."""
        begin = float(self.ledger.note(ORDERS_BEGIN) or 0) + WATCHED
        is_older = each.created < begin and each.status is Status.SUCCESS
        return max(self.ledger.credits(each.number), int(is_older))

    def _classify(self, each: Order) -> None:
        facts = self._facts(each)
        query = "SELECT class, class_since FROM orders WHERE number = ?"
        row = self.ledger.db.execute(query, (each.number,)).fetchone()
        found = audit.classify(facts, self.now)
        since = row["class_since"] if row["class"] == found else self.now
        is_over = found in {Class.CREDITED, Class.SETTLED} and each.status is not Status.PENDING
        self.ledger.db.execute(
            "UPDATE orders SET class = ?, class_since = ?, is_settled = ? WHERE number = ?",
            (found.value, since, int(is_over and self.now - since > SETTLED), each.number),
        )
        if audit.is_case(found, since, self.now, can_mend=self._can_mend(each)):
            self._case(each.number, found, "", self._remedy(each, found, facts), facts)
        else:
            self._case(each.number, "")

    def _remedy(self, each: Order, found: Class, facts: Facts) -> Remedy:
        account = self.accounts.get(each.row)
        means = cases.Means(
            is_disabled=account is not None and not account.is_enabled,
            is_gone=self.is_gone(each.row),
            is_held=is_held(self.ledger, each),
            completes=self._completes(each),
            has_way=account is None or self._has_way(each),
        )
        return cases.remedy(found, facts, means)

    def _completes(self, each: Order) -> bool:
        """Whether One API completes an order by itself, and right."""
        account = self.accounts.get(each.row)
        gateway = GATEWAYS.get(account.gateway if account else each.row)
        return self.completes and (gateway is None or gateway.is_completed)

    def beyond_help(self) -> list[Order]:
        """Paid orders that are pending though nothing can credit them: One API's to close."""
        orders = self.ledger.orders(
            "status = 'pending' AND done_at IS NULL AND class = ? AND created < ?",
            Class.PAID_PENDING.value,
            self._since,
        )
        return [each for each in orders if self._is_beyond_help(each)]

    def _is_beyond_help(self, each: Order) -> bool:
        # A row that is disabled may be enabled: then the callback service may still have a way.
        return not (self._has_way(each) or is_held(self.ledger, each))

    def _can_mend(self, each: Order) -> bool:
        """Whether there is still something to send to One API for it."""
        account = self.accounts.get(each.row)
        if account is None or not (self.is_active and account.is_enabled):
            return False
        return self._has_way(each) and not is_held(self.ledger, each)

    def _has_way(self, each: Order) -> bool:
        """Whether something could be sent, were the row enabled."""
        account = self.accounts.get(each.row)
        if account is None:
            return False
        gateway = GATEWAYS[account.gateway]
        since = 0.0 if gateway.deadline is None else self.now - gateway.deadline
        query = (
            "SELECT 1 FROM callbacks WHERE number = ? AND is_genuine = 1 AND is_paid = 1"
            " AND line IS NOT NULL AND at > ?"
        )
        kept = self.ledger.db.execute(query, (each.number, since)).fetchone()
        is_asked = gateway.asks and self._completes(each)
        return gateway.can_sign or is_asked or kept is not None

    def _case(
        self, number: str, kind: str, detail: str = "", remedy: str = "", facts: Facts | None = None
    ) -> None:
        """Let exactly this case be open for an order; none if ``kind`` is empty."""
        self.ledger.db.execute(
            "UPDATE cases SET closed = ? WHERE number = ? AND class != ? AND closed IS NULL",
            (self.now, number, kind),
        )
        if not kind:
            return
        quota = -audit.surplus(facts) if facts else 0
        account = self.accounts.get(facts.order.row) if facts and facts.order else None
        self.ledger.db.execute(
            "INSERT INTO cases (number, class, opened, detail, remedy, quota, payment)"
            " VALUES (:number, :kind, :now, :detail, :remedy, :quota, :payment)"
            " ON CONFLICT (number, class) DO UPDATE SET detail = excluded.detail,"
            " notified = CASE WHEN closed IS NULL AND remedy = excluded.remedy"
            "   AND quota = excluded.quota THEN notified ELSE 0 END, closed = NULL,"
            " remedy = excluded.remedy, quota = excluded.quota, payment = excluded.payment"
            " WHERE notified != :done OR class = :twice",
            {
                "number": number, "kind": kind, "now": self.now, "detail": detail,
                "remedy": remedy, "quota": quota, "payment": account.title if account else "",
                "done": DONE, "twice": Class.CREDITED_TWICE.value,
            },
        )  # fmt: skip

    def _strangers(self) -> None:
        """Payments of orders that One API does not know: by callbacks, and by gateways' lists."""
        query = (
            "SELECT number, callbacks.gateway_number, callbacks.money"
            " FROM callbacks LEFT JOIN orders USING (number)"
            " WHERE is_genuine = 1 AND is_paid = 1 AND orders.number IS NULL AND at BETWEEN ? AND ?"
        )
        window = (self._since, self.now - audit.GRACE)
        for row in self.ledger.db.execute(query, window).fetchall():
            detail = f"{row['gateway_number']} {row['money']}"
            self._case(row["number"], Class.UNKNOWN_ORDER, detail, Remedy.WHOSE)
        listed = (
            "SELECT number, replies.gateway_number, replies.money FROM replies"
            " LEFT JOIN orders USING (number) WHERE replies.status = 'paid'"
            " AND orders.number IS NULL AND replies.at > ?"
        )
        for row in self.ledger.db.execute(listed, (self._since,)).fetchall():
            detail = f"{row['gateway_number']} {row['money']}"
            self._case(row["number"], Class.UNKNOWN_ORDER, detail, Remedy.WHOSE)

    def _forged(self) -> None:
        """One case a day for all that were forged, however many they are."""
        query = (
            "SELECT count(*), group_concat(DISTINCT client) FROM callbacks"
            " WHERE is_genuine = 0 AND is_test = 0 AND gateway != '' AND at >= ?"
        )
        begin = self.now - self.now % 86400
        count, clients = self.ledger.db.execute(query, (begin,)).fetchone()
        self.ledger.db.execute(  # of other days, and today's where a mended key made all genuine
            "UPDATE cases SET closed = ?, notified = 2 WHERE class = ? AND number != ?"
            " AND closed IS NULL",
            (self.now, INVALID_SIGNATURE, f"{begin:.0f}" if count else ""),
        )
        if count:
            shown = ", ".join((clients or "").split(",")[:5])
            self._case(f"{begin:.0f}", INVALID_SIGNATURE, f"{count} ({shown})", Remedy.KEY)


def unnotified(ledger: Ledger) -> list[Case]:
    """Open cases that nobody was told of."""
    rows = ledger.db.execute("SELECT * FROM cases WHERE closed IS NULL AND notified = 0").fetchall()
    return [of_row(ledger, row) for row in rows]


def opened(ledger: Ledger) -> list[Case]:
    """All open cases, the oldest first."""
    query = "SELECT * FROM cases WHERE closed IS NULL ORDER BY opened"
    rows = ledger.db.execute(query).fetchall()
    return [of_row(ledger, row) for row in rows]


def resolved(ledger: Ledger) -> list[str]:
    """Numbers of cases that people were told of, and that are closed since."""
    query = (
        "SELECT number FROM cases WHERE closed IS NOT NULL AND notified = 1 AND number NOT IN"
        " (SELECT number FROM cases WHERE closed IS NULL)"
    )
    return [row["number"] for row in ledger.db.execute(query).fetchall()]


def of(
    ledger: Ledger, source: OrderSource, accounts: Accounts, now: float, *, acts: bool
) -> Auditor:
    """The auditor of One API's orders, after their accounts were read."""
    return Auditor(ledger, accounts, source.is_gone, now, source.can_complete, acts)


def is_held(ledger: Ledger, each: Order) -> bool:
    """Whether a sending waits for a person's word: somebody may have credited it by hand.

    Their word is good for what was added until then.
    """
    query = "SELECT may_send FROM orders WHERE number = ?"
    row = ledger.db.execute(query, (each.number,)).fetchone()
    added = ledger.unnamed(each)
    return added is not None and added > (row["may_send"] if row else 0)


def is_done(ledger: Ledger, number: str) -> bool:
    """Whether a person has said ``--done`` of an order."""
    query = "SELECT 1 FROM orders WHERE number = ? AND done_at IS NOT NULL"
    return ledger.db.execute(query, (number,)).fetchone() is not None


def done(ledger: Ledger, number: str, now: float) -> int:
    """Close the cases of an order for good, and send nothing for it any more; how many there were.

    What it was credited with until now is right then; only more would be a case. LookupError for
    a number that nothing is known of.
    """
    with ledger.transaction():
        orders = ledger.db.execute(
            "UPDATE orders SET done_at = ?, done_credits = ?, class = ?, class_since = ?"
            " WHERE number = ?",
            (now, ledger.credits(number), Class.SETTLED.value, now, number),
        ).rowcount
        statement = "UPDATE cases SET closed = ?, notified = ? WHERE number = ? AND closed IS NULL"
        count = ledger.db.execute(statement, (now, DONE, number)).rowcount
        if not (orders or count):
            raise LookupError(number)
        return count


def send(ledger: Ledger, number: str, now: float) -> int:
    """Let the callback service send what waits for a person's word; how many orders that is."""
    statement = "UPDATE orders SET may_send = ? WHERE number = ? AND done_at IS NULL"
    return ledger.db.execute(statement, (now, number)).rowcount


def mark(ledger: Ledger, told: Iterable[Case]) -> None:
    """Note that people were told: of these, and of what is closed."""
    pairs = [(case.number, case.kind) for case in told]
    ledger.db.executemany("UPDATE cases SET notified = 1 WHERE number = ? AND class = ?", pairs)
    ledger.db.execute("UPDATE cases SET notified = 2 WHERE closed IS NOT NULL AND notified = 1")


def of_row(ledger: Ledger, row: sqlite3.Row) -> Case:
    """A case, with what the last act and the gateway said of it now."""
    found = ledger.orders("number = ?", row["number"])
    said = diagnosis.last_words(ledger.answer(row["number"]), ledger.reply(row["number"]))
    edition = ledger.note(EDITION) or remedies.ONE_HUB
    shown = ledger.note(QUOTA_DISPLAY)
    return Case(
        row["number"], row["class"], found[0] if found else None,
        row["detail"] or said, row["remedy"],
        row["quota"], row["payment"], edition,
        QuotaDisplay.parse(shown) if shown else DOLLARS,
    )  # fmt: skip
