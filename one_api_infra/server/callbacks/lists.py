"""After a restore: payments that the gateways' own lists hold and One API does not know any more.

What was ordered and paid in the last second before a server was lost is in no copy: neither in the
database's nor in the journal. Gateways that list their payments (epay V1, Stripe) still know it;
it becomes a case.
"""

import json
from collections.abc import Iterable, Iterator

from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.gateways.gateway import (
    Account,
    AskError,
    PaymentStatus,
    Reply,
)
from one_api_infra.server.callbacks.intake import Accounts
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.order import Order
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource
from one_api_infra.shared.editions.api import ApiError

NOTE = "lists"
LONG = 86_400.0  # seconds after a restore in which the lists are read: a payment may come late
EVERY, AGAIN = 3600.0, 300.0  # seconds between two readings, and after one that failed
SHARED = 10  # old orders among which no unknown one stands where the account is ours alone
KNOWN = 50  # orders in a row that One API knows: what is older was not lost


def restored(ledger: Ledger, now: float) -> None:
    """Let the lists be read from now on: the database has gone back in time."""
    ledger.note(NOTE, json.dumps({"until": now + LONG, "next": now}))


def bring(ledger: Ledger, source: OrderSource, accounts: Accounts, now: float) -> None:
    """Put in what is paid and unknown, where that is due."""
    due = json.loads(ledger.note(NOTE) or "{}")
    if not due or now < due["next"] or now > due["until"]:
        return
    back, pause = due["until"] - LONG, EVERY
    for account in {each.row: each for each in accounts.values()}.values():
        try:
            found = _unknown(_known(ledger, source, account, back), back)
        except (AskError, ApiError):
            pause = AGAIN
            continue
        for reply in found:
            ledger.add_reply(reply.number, reply, now)
    ledger.note(NOTE, json.dumps({**due, "next": now + pause}))


def _known(
    ledger: Ledger, source: OrderSource, account: Account, back: float
) -> Iterator[tuple[Reply, Order | None]]:
    """The list, newest first, each entry with the order that One API knows."""
    since = ledger.db.execute("SELECT max(created) FROM orders WHERE created < ?", (back,))
    begin = (since.fetchone()[0] or back) - LONG
    for reply in GATEWAYS[account.gateway].listed(account, begin):
        order = next(iter(ledger.orders("number = ?", reply.number)), None)
        yield reply, order or source.order(reply.number)


def _unknown(found: Iterable[tuple[Reply, Order | None]], back: float) -> list[Reply]:
    """What is paid and unknown, until enough in a row is known; nothing of a shared account.

    There the orders of another shop stand between ours, among the old ones too.
    """
    unknown: list[Reply] = []
    in_a_row = old = 0
    for reply, order in found:
        in_a_row = in_a_row + 1 if order else 0
        old += bool(order and order.created < back)
        if in_a_row >= KNOWN:
            break
        # What nobody has paid says nothing: New API tells a subscription's order when it is paid.
        if order or reply.status is not PaymentStatus.PAID:
            continue
        if old >= SHARED:
            return []
        unknown.append(reply)
    return unknown
