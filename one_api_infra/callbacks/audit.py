"""What an order comes to, from everything that is known of it: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from one_api_infra.callbacks.gateways.gateway import Notice, Said, Word
from one_api_infra.callbacks.order import Order, Status

CENT = Decimal("0.01")
GRACE = 60.0  # seconds between an order's success and its line in One API's log
MENDING = 300.0  # seconds in which the agent mends by itself before it calls somebody


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


COSTLY = frozenset(Class) - {Class.CREDITED, Class.WAITING, Class.ABANDONED}


@dataclass(frozen=True)
class Facts:
    """What is known of an order: of its genuine notices, the gateway's last word, its credits.

    ``order`` is None if One API does not know the number. ``since`` is when what is known now was
    first seen so, ``asked`` when the gateway gave its word.
    """

    order: Order | None
    notices: Sequence[Notice]
    word: Word | None
    credits: int
    since: float
    asked: float = 0.0


def is_paid(facts: Facts) -> bool:
    """Whether the gateway said so, in a genuine notice or when it was asked."""
    told = any(notice.is_genuine and notice.is_paid for notice in facts.notices)
    return told or (facts.word is not None and facts.word.said is Said.PAID)


def differs(order: Order, said: Notice | Word) -> str:
    """What of the gateway's statement is not the order's: ``money``, ``currency``, or nothing.

    One Hub orders from WeChat Pay what ``int64(money * 100)`` leaves, at times a fen less.
    """
    if said.money is None or not 0 <= order.money - said.money <= CENT or not said.money:
        return "money"
    if said.currency and order.currency and said.currency != order.currency:
        return "currency"
    return ""


def may_credit(order: Order, merchant: str, word: Word) -> bool:
    """Whether the gateway's word is good for a credit: all of it must be the order's."""
    is_whole = word.said is Said.PAID and word.number == order.number and bool(word.gateway_number)
    return is_whole and word.merchant == merchant and not differs(order, word)


def classify(facts: Facts, now: float) -> Class:
    """The order's class."""
    order, paid = facts.order, is_paid(facts)
    if order is None:
        return Class.UNKNOWN_ORDER if paid else Class.WAITING
    if paid and _amount_differs(order, facts):
        return Class.AMOUNT_DIFFERS
    if order.status is Status.SUCCESS:
        return _succeeded(facts, paid, now)
    if order.status is Status.PENDING:
        return Class.PAID_PENDING if paid else Class.WAITING
    return Class.PAID_CLOSED if paid else Class.ABANDONED


def _amount_differs(order: Order, facts: Facts) -> bool:
    said: list[Notice | Word] = [each for each in facts.notices if each.is_genuine and each.is_paid]
    said += [facts.word] if facts.word and facts.word.said is Said.PAID else []
    return any(differs(order, each) for each in said)


def _succeeded(facts: Facts, paid: bool, now: float) -> Class:
    if facts.credits > 1:
        return Class.CREDITED_TWICE
    if not facts.credits:
        return Class.SUCCESS_UNCREDITED if now - facts.since > GRACE else Class.CREDITED
    # A word of before the credit says nothing: people pay after the gateway was asked.
    denied = facts.asked > facts.since and now - facts.since > GRACE
    denied = denied and facts.word is not None and facts.word.said in {Said.WAITING, Said.CLOSED}
    return Class.CREDITED_UNPAID if denied and not paid else Class.CREDITED


def is_case(found: Class, since: float, now: float, *, can_mend: bool) -> bool:
    """Whether the class is a case for the admin: at once, or when mending had its time."""
    if found is Class.PAID_PENDING and can_mend:
        return now - since > MENDING
    return found in COSTLY
