"""The ledger after a rollback has taken One API's database back: it forgets what came since.

What was credited since is no longer in the database. The callback log and One API's orders are read
anew; of orders that One API has no more, and of payments that nobody calls for again, cases tell.
"""

from dataclasses import dataclass
from pathlib import Path

from one_api_infra.server.callbacks import log
from one_api_infra.server.callbacks.audit import Class
from one_api_infra.server.callbacks.intake import ORDERS_READ, PLACE
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.shared import plain
from one_api_infra.shared.plain import PlainError

REWOUND = "rewound"
# Orders that are reset: what was sent for one, and then forgotten, may have to be sent again.
RESET = "SELECT number FROM orders WHERE since > :at OR created > :at OR done_at > :at"
STATEMENTS = (
    "DELETE FROM credits WHERE at > :at",
    "DELETE FROM corrections WHERE at > :at",
    "DELETE FROM acts WHERE started > :at",
    f"DELETE FROM callbacks WHERE at > :at OR (line IS NULL AND number IN ({RESET}))",  # noqa: S608
    f"DELETE FROM cases WHERE number IN ({RESET})",  # noqa: S608
    "UPDATE orders SET status = 'pending', is_settled = 0, class = :pending, class_since = 0,"
    " since = :now WHERE since > :at OR created > :at OR done_at > :at",
    "UPDATE orders SET done_at = NULL, done_credits = 0 WHERE done_at > :at",
    "UPDATE orders SET may_send = 0 WHERE may_send > :at",
)


@dataclass(frozen=True)
class Mark:
    """The database is of ``at`` since ``until``; both in seconds since 1970."""

    at: float
    until: float


def mark(path: Path | None) -> Mark | None:
    """What a rollback has left; None where there was none."""
    try:
        return plain.read(Mark, path.read_text()) if path else None
    except (OSError, PlainError):
        return None


def rewind(ledger: Ledger, log_path: Path, found: Mark, now: float) -> bool:
    """Forget, once, what One API did between the two; whether that was now."""
    if ledger.note(REWOUND) == str(found):
        return False
    values = {"at": found.at, "now": now, "pending": Class.PAID_PENDING.value}
    sent = f"SELECT min(at) FROM callbacks WHERE line IS NULL AND number IN ({RESET})"  # noqa: S608
    with ledger.transaction():
        first = ledger.db.execute(sent, values).fetchone()[0]
        for statement in STATEMENTS:
            ledger.db.execute(statement, values)
        ledger.note(ORDERS_READ, min(found.at, float(ledger.note(ORDERS_READ) or now)))
        ledger.note(PLACE, log.since(log_path, min(found.at, first or found.at)).plain())
        ledger.note(REWOUND, str(found))
    return True


def accept_none(ledger: Ledger, found: Mark) -> None:
    """What One API has accepted between the two it knows no more."""
    statement = "UPDATE callbacks SET is_accepted = 0 WHERE at > ? AND at <= ?"
    ledger.db.execute(statement, (found.at, found.until))
