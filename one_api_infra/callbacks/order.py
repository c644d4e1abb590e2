"""Orders and credits as One API's books hold them, and which credit belongs to which order."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

EARLY = 5.0  # seconds that a credit's clock may be behind its order's


class Status(StrEnum):
    """An order's state in One API."""

    PENDING = "pending"
    SUCCESS = "success"
    CLOSED = "closed"
    FAILED = "failed"


@dataclass(frozen=True)
class Order:
    """An order. ``row`` is its payment row's uuid; ``created`` in seconds since 1970."""

    number: str
    user: int
    row: str
    money: Decimal
    currency: str
    quota: int
    status: Status
    created: float
    gateway_number: str = ""


@dataclass(frozen=True)
class Credit:
    """A line of One API's log that says that a user's payment was credited."""

    id: int
    user: int
    quota: int
    at: float


def match(orders: Iterable[Order], credits: Iterable[Credit]) -> Mapping[str, int]:
    """How many credits each order has.

    One API's log names no order: a credit goes to the first order of that user and quota which
    has none yet and was made before it; one too many goes to the last order before it. Among
    orders of the same user and quota it may be the other one: the remedy is the same.
    """
    waiting: dict[tuple[int, int], list[Order]] = defaultdict(list)
    for order in sorted(orders, key=lambda each: each.created):
        if order.status is Status.SUCCESS:
            waiting[order.user, order.quota].append(order)
    counts = {order.number: 0 for group in waiting.values() for order in group}
    credited: dict[tuple[int, int], int] = defaultdict(int)
    for credit in sorted(credits, key=lambda each: each.at):
        key = (credit.user, credit.quota)
        group = waiting.get(key, [])
        made = bisect_left(group, credit.at + EARLY, key=lambda each: each.created)
        if credited[key] < made:
            counts[group[credited[key]].number] += 1
            credited[key] += 1
        elif made:
            counts[group[made - 1].number] += 1
    return counts
