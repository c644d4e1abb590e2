"""What an order comes to, from everything that is known of it: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from one_api_infra.server.callbacks.gateways.gateway import Claim, PaymentStatus, Reply
from one_api_infra.server.callbacks.order import Order, Status
from one_api_infra.server.callbacks.schedule import HORIZON

CENT = Decimal("0.01")
GRACE = 60.0  # seconds between an order's success and its line in One API's log
RECONCILING = (
    300.0  # seconds in which the callback service mends by itself before it calls somebody
)


class Class(StrEnum):
    """The classes of orders."""

    CREDITED = "credited"
    WAITING = "waiting"
    ABANDONED = "abandoned"
    PAID_PENDING = "paid_pending"
    PAID_CLOSED = "paid_closed"
    CREDITED_UNPAID = "credited_unpaid"
    CREDITED_TWICE = "credited_twice"
    SUCCESS_UNCREDITED = "success_uncredited"
    AMOUNT_DIFFERS = "amount_differs"
    UNKNOWN_ORDER = "unknown_order"
    SETTLED = "settled"  # by a person: what they did or decided stands


COSTLY = frozenset(Class) - {Class.CREDITED, Class.WAITING, Class.ABANDONED, Class.SETTLED}


@dataclass(frozen=True)
class Done:
    """That a person said ``--done``: when, and how many credits the order had by then."""

    at: float
    credits: int


@dataclass(frozen=True)
class Facts:
    """What is known of an order: of its genuine notices, the gateway's last word, its credits.

    ``order`` is None if One API does not know the number. ``since`` is when the order's status
    was first seen, ``asked`` when the gateway last replied. ``corrected`` is the quota that people
    added by hand (negative: took); if ``done`` is set, only since then.
    """

    order: Order | None
    claims: Sequence[Claim]
    reply: Reply | None
    credits: int
    since: float
    asked: float = 0.0
    corrected: int = 0
    done: Done | None = None


def is_paid(facts: Facts) -> bool:
    """Whether the gateway said so, in a genuine notice or when it was asked."""
    told = any(claim.is_genuine and claim.is_paid for claim in facts.claims)
    return told or (facts.reply is not None and facts.reply.status is PaymentStatus.PAID)


def differs(order: Order, claim: Claim | Reply) -> str:
    """Which part of the statement differs from the order: ``money``, ``currency``, or empty.

    A cent less is accepted: for WeChat Pay One Hub truncates (``int64(money * 100)``).
    """
    if order.money is not None and not _is_enough(order.money, claim.money):
        return "money"
    if claim.currency and order.currency and claim.currency != order.currency:
        return "currency"
    return ""


def _is_enough(asked: Decimal, paid: Decimal | None) -> bool:
    return paid is not None and bool(paid) and 0 <= asked - paid <= CENT


def may_credit(order: Order, merchant: str, reply: Reply) -> bool:
    """Whether the gateway's word is good for a credit: all of it must be the order's."""
    is_whole = (
        reply.status is PaymentStatus.PAID
        and reply.number == order.number
        and bool(reply.gateway_number)
    )
    return is_whole and reply.merchant == merchant and not differs(order, reply)


def classify(facts: Facts, now: float) -> Class:
    """The order's class."""
    order, paid = facts.order, is_paid(facts)
    if order is None:
        return Class.UNKNOWN_ORDER if paid else Class.WAITING
    if facts.done:
        return Class.CREDITED_TWICE if surplus(facts) > 0 else Class.SETTLED
    if paid:
        return _paid(order, facts, now)
    if order.status is Status.SUCCESS:
        return _succeeded(order, facts, now)
    is_old = order.status is not Status.PENDING or now - order.created > HORIZON
    return Class.ABANDONED if is_old else Class.WAITING


def surplus(facts: Facts) -> int:
    """The quota that a user has too much for an order, negative if it is missing.

    Nothing where the gateway's amount cannot be told in quota.
    """
    order = facts.order
    if order is None:
        return 0
    if facts.done:
        return (facts.credits - facts.done.credits) * order.quota + facts.corrected
    wanted = _worth(order, facts) if is_paid(facts) else 0 if is_denied(facts) else order.quota
    return 0 if wanted is None else facts.credits * order.quota + facts.corrected - wanted


def is_denied(facts: Facts) -> bool:
    """Whether the gateway said after the credit that nothing was paid.

    A word of before says nothing: people pay after the gateway was asked.
    """
    reply = facts.reply
    return bool(
        reply
        and reply.status in {PaymentStatus.WAITING, PaymentStatus.CLOSED}
        and facts.asked > facts.since
    )


def statement(facts: Facts) -> Claim | Reply | None:
    """What the gateway says of another amount than the order's; None if all is the order's."""
    told: list[Claim | Reply] = [each for each in facts.claims if each.is_genuine and each.is_paid]
    asked: list[Claim | Reply] = []
    if facts.reply and facts.reply.status is PaymentStatus.PAID:
        asked = [facts.reply]
    order = facts.order
    if order is None:
        return None
    # If one genuine notice agrees with the order, others are ignored: they may be replays.
    wrong = [] if any(not differs(order, each) for each in told) else told
    return next((each for each in [*wrong, *asked] if differs(order, each)), None)


def _worth(order: Order, facts: Facts) -> int | None:
    """The quota that was paid for; None where another currency or no amount was named."""
    claim = statement(facts)
    if claim is None:
        return order.quota
    if not claim.money or not order.money or differs(order, claim) == "currency":
        return None
    return int(order.quota * claim.money / order.money)


def _paid(order: Order, facts: Facts, now: float) -> Class:
    more, other_amount = surplus(facts), statement(facts) is not None
    is_open = order.status is Status.PENDING and not facts.corrected
    if _worth(order, facts) is None or (other_amount and is_open):
        return Class.AMOUNT_DIFFERS
    if not more:
        return Class.CREDITED
    if order.status is Status.SUCCESS and more < 0 and not (other_amount and facts.credits):
        return _uncredited(order, facts, now)
    if other_amount and facts.credits <= 1:
        return Class.AMOUNT_DIFFERS
    if more > 0:
        return Class.CREDITED_TWICE
    return Class.PAID_PENDING if order.status is Status.PENDING else Class.PAID_CLOSED


def _uncredited(order: Order, facts: Facts, now: float) -> Class:
    """The class of a success that lacks quota; settled if a person took its credit."""
    if facts.credits == 1 and facts.corrected == -order.quota:
        return Class.SETTLED
    return Class.SUCCESS_UNCREDITED if now - facts.since > GRACE else Class.CREDITED


def _succeeded(order: Order, facts: Facts, now: float) -> Class:
    """Of a success whose payment no gateway has told of."""
    if facts.credits > 1 and facts.credits * order.quota + facts.corrected > order.quota:
        return Class.CREDITED_TWICE
    if is_denied(facts) and now - facts.since > GRACE:
        return Class.CREDITED_UNPAID if surplus(facts) > 0 else Class.SETTLED
    if is_denied(facts) or surplus(facts) == 0:
        return Class.CREDITED
    return Class.CREDITED_TWICE if surplus(facts) > 0 else _uncredited(order, facts, now)


def is_case(found: Class, since: float, now: float, *, can_mend: bool) -> bool:
    """Whether the class is a case for the admin: at once, or when mending had its time."""
    if found is Class.PAID_PENDING and can_mend:
        return now - since > RECONCILING
    return found in COSTLY
