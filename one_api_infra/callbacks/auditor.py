"""Orders to classes, classes to cases, cases to messages that wait to be sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from one_api_infra.callbacks import audit, order
from one_api_infra.callbacks.audit import Class, Facts
from one_api_infra.callbacks.cases import FORGED, Case
from one_api_infra.callbacks.gateways import GATEWAYS
from one_api_infra.callbacks.intake import BOOKS_BEGIN, Accounts
from one_api_infra.callbacks.ledger import Ledger
from one_api_infra.callbacks.order import Order
from one_api_infra.callbacks.schedule import HORIZON

SETTLED = 600.0  # seconds after which a credited order is looked at only if it gets more credits
WATCHED = HORIZON + 3600
DONE = 3  # in cases.told: the admin has dealt with it


@dataclass(frozen=True)
class Auditor:
    """What classifies. ``is_active`` is false where the agent only reports."""

    ledger: Ledger
    accounts: Accounts
    now: float
    is_active: bool = True

    def watched(self) -> list[Order]:
        """Orders that are not settled: of the last day, late payments, and open cases."""
        return self.ledger.orders(
            "(created >= :since AND is_settled = 0)"
            " OR number IN (SELECT number FROM cases WHERE closed IS NULL)"
            " OR (status != 'success' AND number IN (SELECT number FROM callbacks"
            "     WHERE is_genuine = 1 AND is_paid = 1 AND at >= :since))",
            {"since": self.now - WATCHED},
        )

    def audit(self) -> None:
        """Classify, open and close cases: one transaction."""
        chosen = {each.number: each for each in self.watched()}
        floor = min([self.now - WATCHED, *(each.created for each in chosen.values())])
        # From well before: a credit whose order is out of sight would count for a younger one.
        everybody = self.ledger.orders("created >= ?", floor - WATCHED)
        credits = order.match(everybody, self.ledger.credits(floor - WATCHED))
        chosen |= {
            each.number: each
            for each in everybody
            if credits.get(each.number, 0) > 1 and each.created >= floor
        }
        with self.ledger.transaction():
            for each in chosen.values():
                self._classify(each, self._credits(each, credits))
            self._strangers()
            self._forged()

    def _credits(self, each: Order, credits: Mapping[str, int]) -> int:
        """An order's credits; one is taken for granted where the ledger does not go back so far."""
        begin = float(self.ledger.note(BOOKS_BEGIN) or 0) + WATCHED
        return 1 if each.created < begin else credits.get(each.number, 0)

    def _classify(self, each: Order, count: int) -> None:
        notices, word = self.ledger.notices(each.number), self.ledger.word(each.number)
        query = "SELECT since, class, class_since FROM orders WHERE number = ?"
        row = self.ledger.db.execute(query, (each.number,)).fetchone()
        asked = self.ledger.asked(each.number) or 0.0
        found = audit.classify(Facts(each, notices, word, count, row["since"], asked), self.now)
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
                " told = CASE WHEN closed IS NULL THEN told ELSE 0 END, closed = NULL"
                " WHERE told != ?",
                (number, kind, self.now, detail, DONE),
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
    query = (
        "SELECT number FROM cases WHERE closed IS NOT NULL AND told = 1 AND number NOT IN"
        " (SELECT number FROM cases WHERE closed IS NULL)"
    )
    return [row["number"] for row in ledger.db.execute(query).fetchall()]


def done(ledger: Ledger, number: str, now: float) -> int:
    """Close the open cases of an order for good; how many there were."""
    statement = "UPDATE cases SET closed = ?, told = ? WHERE number = ? AND closed IS NULL"
    return ledger.db.execute(statement, (now, DONE, number)).rowcount


def mark(ledger: Ledger, told: Iterable[Case]) -> None:
    """Note that people were told: of these, and of what is closed."""
    pairs = [(case.number, case.kind) for case in told]
    ledger.db.executemany("UPDATE cases SET told = 1 WHERE number = ? AND class = ?", pairs)
    ledger.db.execute("UPDATE cases SET told = 2 WHERE closed IS NOT NULL AND told = 1")


def _of_row(ledger: Ledger, number: str, kind: str, detail: str) -> Case:
    found = ledger.orders("number = ?", number)
    return Case(number, kind, found[0] if found else None, detail)
