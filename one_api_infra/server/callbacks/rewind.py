"""The ledger after a rollback has taken One API's database back: it forgets what came since.

What was credited since is no longer in the database. Orders are read anew; of those that One API
has no more, the gateways are asked, and what was paid becomes a case.
"""

from one_api_infra.server.callbacks.intake import ORDERS_READ
from one_api_infra.server.callbacks.ledger import Ledger

STATEMENTS = (
    "DELETE FROM credits WHERE at > :at",
    "DELETE FROM corrections WHERE at > :at",
    "DELETE FROM acts WHERE started > :at",
    "UPDATE callbacks SET is_accepted = 0 WHERE at > :at",
    "UPDATE orders SET status = 'pending', is_settled = 0, class = '', class_since = 0,"
    " since = :now WHERE since > :at OR created > :at",
)


def rewind(ledger: Ledger, at: float, now: float) -> None:
    """Forget what One API did after ``at``, which its database does not know any more."""
    with ledger.transaction():
        for statement in STATEMENTS:
            ledger.db.execute(statement, {"at": at, "now": now})
        ledger.note(ORDERS_READ, min(at, float(ledger.note(ORDERS_READ) or now)))
