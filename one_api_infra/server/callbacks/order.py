"""Orders, credits and corrections as One API tells them, and which order a credit is for."""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

EARLY = 5.0  # seconds that a credit's clock may be behind its order's
NEAR = 5.0  # seconds between a callback that is taken and One API's line about the credit
LATE = 120.0  # seconds after which a credit that no order waits for is one too many


class Status(StrEnum):
    """An order's state in One API."""

    PENDING = "pending"
    SUCCESS = "success"
    CLOSED = "closed"
    FAILED = "failed"


@dataclass(frozen=True)
class Order:
    """An order. ``row`` is its payment row's uuid; ``created`` in seconds since 1970.

    ``money`` is None where One API does not say what the gateway is to take.
    """

    number: str
    user: int
    row: str
    money: Decimal | None
    currency: str
    quota: int
    status: Status
    created: float
    gateway_number: str = ""

    @property
    def money_text(self) -> str:
        """The sum as a text; empty if it is not known."""
        return "" if self.money is None else str(self.money)


@dataclass(frozen=True)
class QuotaDisplay:
    """How One API's pages show quota, and take it: the currency's sign, and what 1 is in quota."""

    sign: str
    quota: Decimal

    @classmethod
    def parse(cls, text: str) -> "QuotaDisplay":
        """What ``str`` made."""
        quota, _mark, sign = text.partition(" ")
        return cls(sign, Decimal(quota))

    def __str__(self) -> str:
        return f"{self.quota} {self.sign}"

    def amount(self, quota: int) -> str:
        """A quota as it is typed there, ``$1.5``: without its sign, to a millionth."""
        found = f"{abs(quota) / self.quota:.6f}"
        return self.sign + found.rstrip("0").rstrip(".")


DOLLARS = QuotaDisplay("$", Decimal(500_000))  # of every edition, unless an admin has changed it


@dataclass(frozen=True)
class Credit:
    """One API's word that a user's payment was credited; ``number`` where it names the order."""

    id: int
    user: int
    quota: int
    at: float
    number: str = ""


@dataclass(frozen=True)
class Correction:
    """Quota that a person added to a user, or took (negative), with what they remarked."""

    id: int
    user: int
    quota: int
    at: float
    remark: str = ""


@dataclass(frozen=True)
class Success:
    """An order that One API says succeeded: when it was seen to (0: unseen), and its credits."""

    order: Order
    at: float
    credits: int


def assign(orders: Iterable[Success], credits: Iterable[Credit], now: float) -> dict[int, str]:
    """The order's number for each credit's id, as far as it can be told yet.

    One Hub's log names no order. Among a user's orders of one quota, a credit goes to the one whose
    callback was accepted at that time, else to the oldest without one. What is left after ``LATE``
    seconds becomes an order's second credit (``_likelihood``).
    """
    groups: dict[tuple[int, int], list[Success]] = defaultdict(list)
    for each in orders:
        groups[each.order.user, each.order.quota].append(each)
    free: dict[tuple[int, int], list[Credit]] = defaultdict(list)
    for credit in sorted(credits, key=lambda each: each.at):
        free[credit.user, credit.quota].append(credit)
    found: dict[int, str] = {}
    for key, left in free.items():
        found |= _assign(groups.get(key, []), left, now)
    return found


def _assign(orders: Sequence[Success], free: list[Credit], now: float) -> dict[int, str]:
    found: dict[int, str] = {}

    def take(order: Success, low: float, high: float) -> bool:
        at = bisect_left(free, low, key=lambda each: each.at)
        if at == len(free) or free[at].at > high:
            return False
        found[free.pop(at).id] = order.order.number
        return True

    waiting = sorted((each for each in orders if not each.credits), key=lambda each: each.at)
    # One Hub's log knows whole seconds.
    waiting = [each for each in waiting if not take(each, int(each.at) - 1, each.at + NEAR)]
    for each in sorted(waiting, key=lambda each: each.order.created):
        take(each, each.order.created - EARLY, math.inf)
    counts = Counter({each.order.number: each.credits for each in orders}) + Counter(found.values())
    for credit in free:
        older = [each for each in orders if each.order.created <= credit.at + EARLY]
        if older and now - credit.at > LATE:
            number = min(older, key=lambda each: _likelihood(each, credit, counts)).order.number
            found[credit.id] = number
            counts[number] += 1
    return found


def _likelihood(order: Success, credit: Credit, counts: Counter[str]) -> tuple[bool, int, float]:
    """Sort key: first an order with a callback at that time, then fewest credits, then nearest."""
    distance = abs(credit.at - (order.at or order.order.created))
    return not (order.at and distance <= NEAR), counts[order.order.number], distance
