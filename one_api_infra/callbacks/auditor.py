"""Orders to classes, classes to cases, cases to messages that wait to be sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from one_api_infra.callbacks import audit, order
from one_api_infra.callbacks.audit import Class, Facts
from one_api_infra.callbacks.cases import FORGED, Case
from one_api_infra.callbacks.gateways import GATEWAYS
from one_api_infra.callbacks.intake import Accounts
from one_api_infra.callbacks.ledger import Ledger
from one_api_infra.callbacks.order import Order, Status
from one_api_infra.callbacks.schedule import HORIZON

SETTLED = 600.0  # seconds after which a credited order is looked at only if it gets more credits
WATCHED = HORIZON + 3600


@dataclass(frozen=True)
class Auditor:
    """What classifies. ``is_active`` is false where the agent only reports."""

    ledger: Ledger
    accounts: Accounts
    now: float
    is_active: bool = True

    def watched(self) -> list[Order]:
        """Orders that are not settled: of the last day, and those with an open case."""
        return self.ledger.orders(
            "(created >= ? AND is_settled = 0) OR number IN"
            " (SELECT number FROM cases WHERE closed IS NULL)",
            self.now - WATCHED,
        )

    def audit(self) -> None:
        """Classify, open and close cases: one transaction."""
        since = self.now - WATCHED
        everybody = self.ledger.orders("created >= ?", since)
        credits = order.match(everybody, self.ledger.credits(since))
        twice = {number for number, count in credits.items() if count > 1}
        chosen = {each.number: each for each in self.watched()}
        chosen |= {each.number: each for each in everybody if each.number in twice}
        with self.ledger.transaction():
            for each in chosen.values():
                self._classify(each, credits)
            self._strangers()
            self._forged()

    def _classify(self, each: Order, credits: Mapping[str, int]) -> None:
        notices, word = self.ledger.notices(each.number), self.ledger.word(each.number)
        query = "SELECT since, class, class_since FROM orders WHERE number = ?"
        row = self.ledger.db.execute(query, (each.number,)).fetchone()
        # An old order's credit may be older than what was read of the log.
        count = credits.get(each.number, 1 if each.status is Status.SUCCESS else 0)
        facts = Facts(each, notices, word, count, row["since"])
        found = audit.classify(facts, self.now)
        since = row["class_since"] if row["class"] == found else self.now
        settled = found is Class.CREDITED and self.now - since > SETTLED
        self.ledger.db.execute(
            "UPDATE orders SET class = ?, class_since = ?, is_settled = ? WHERE number = ?",
            (found.value, since, int(settled), each.number),
        )
        is_case = audit.is_case(found, since, self.now, can_mend=self._can_mend(each))
        self._case(each.number, found.value if is_case else "", self._detail(each))

    def _can_mend(self, each: Order) -> bool:
        """Whether there is still something to send to One API for it."""
        account = self.accounts.get(each.row)
        if account is None or not (self.is_active and account.is_enabled):
            return False
        gateway = GATEWAYS[account.gateway]
        since = 0.0 if gateway.deadline is None else self.now - gateway.deadline
        query = (
            "SELECT 1 FROM callbacks WHERE number = ? AND is_genuine = 1 AND is_paid = 1"
            " AND line IS NOT NULL AND at > ?"
        )
        kept = self.ledger.db.execute(query, (each.number, since)).fetchone()
        return gateway.can_sign or kept is not None

    def _detail(self, each: Order) -> str:
        """What the last act, or the gateway, said."""
        query = "SELECT result FROM acts WHERE number = ? ORDER BY id DESC LIMIT 1"
        act = self.ledger.db.execute(query, (each.number,)).fetchone()
        word = self.ledger.word(each.number)
        said = f"{word.said.value} {word.money} {word.currency} {word.detail}" if word else ""
        return "; ".join(filter(None, (act["result"] if act else "", said)))

    def _case(self, number: str, kind: str, detail: str) -> None:
        """Let exactly this case be open for an order; none if ``kind`` is empty."""
        self.ledger.db.execute(
            "UPDATE cases SET closed = ? WHERE number = ? AND class != ? AND closed IS NULL",
            (self.now, number, kind),
        )
        if kind:
            self.ledger.db.execute(
                "INSERT INTO cases (number, class, opened, detail) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (number, class) DO UPDATE SET detail = excluded.detail,"
                " told = CASE WHEN closed IS NULL THEN told ELSE 0 END, closed = NULL",
                (number, kind, self.now, detail),
            )

    def _strangers(self) -> None:
        """Genuine paid callbacks for orders that One API does not know."""
        query = (
            "SELECT number, callbacks.gateway_number, callbacks.money"
            " FROM callbacks LEFT JOIN orders USING (number)"
            " WHERE is_genuine = 1 AND is_paid = 1 AND orders.number IS NULL AND at BETWEEN ? AND ?"
        )
        window = (self.now - WATCHED, self.now - audit.GRACE)
        for row in self.ledger.db.execute(query, window).fetchall():
            self._case(
                row["number"], Class.UNKNOWN_ORDER, f"{row['gateway_number']} {row['money']}"
            )

    def _forged(self) -> None:
        """One case a day for all that were forged, however many they are."""
        query = (
            "SELECT count(*), group_concat(DISTINCT client) FROM callbacks"
            " WHERE is_genuine = 0 AND is_test = 0 AND gateway != '' AND at >= ?"
        )
        begin = self.now - self.now % 86400
        self.ledger.db.execute(
            "UPDATE cases SET closed = ?, told = 2 WHERE class = ? AND number != ?"
            " AND closed IS NULL",
            (self.now, FORGED, f"{begin:.0f}"),
        )
        count, clients = self.ledger.db.execute(query, (begin,)).fetchone()
        if count:
            shown = ", ".join((clients or "").split(",")[:5])
            self._case(f"{begin:.0f}", FORGED, f"{count} ({shown})")


def untold(ledger: Ledger) -> list[Case]:
    """Open cases that nobody was told of."""
    rows = ledger.db.execute("SELECT * FROM cases WHERE closed IS NULL AND told = 0").fetchall()
    return [_of_row(ledger, row["number"], row["class"], row["detail"]) for row in rows]


def opened(ledger: Ledger) -> list[Case]:
    """All open cases, the oldest first."""
    query = "SELECT * FROM cases WHERE closed IS NULL ORDER BY opened"
    rows = ledger.db.execute(query).fetchall()
    return [_of_row(ledger, row["number"], row["class"], row["detail"]) for row in rows]


def healed(ledger: Ledger) -> list[str]:
    """Numbers of cases that people were told of, and that are closed since."""
    query = "SELECT number FROM cases WHERE closed IS NOT NULL AND told = 1"
    return [row["number"] for row in ledger.db.execute(query).fetchall()]


def mark(ledger: Ledger, told: Iterable[Case]) -> None:
    """Note that people were told: of these, and of what is closed."""
    pairs = [(case.number, case.kind) for case in told]
    ledger.db.executemany("UPDATE cases SET told = 1 WHERE number = ? AND class = ?", pairs)
    ledger.db.execute("UPDATE cases SET told = 2 WHERE closed IS NOT NULL AND told = 1")


def _of_row(ledger: Ledger, number: str, kind: str, detail: str) -> Case:
    found = ledger.orders("number = ?", number)
    return Case(number, kind, found[0] if found else None, detail)
