"""The class of an order, the credit that is its own, and when something is done about it."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.server.callbacks import audit, cases, order, schedule
from one_api_infra.server.callbacks.audit import Class, Facts
from one_api_infra.server.callbacks.cases import Means
from one_api_infra.server.callbacks.gateways.gateway import Claim, PaymentStatus, Reply
from one_api_infra.server.callbacks.order import Credit, Order, Status, Success
from one_api_infra.server.callbacks.remedies import Remedy

NOW = 10000.0
ORDER = Order("1", 7, "row", Decimal("73.00"), "CNY", 500, Status.PENDING, NOW - 100)
PAID = Claim("1", "G1", Decimal(73), "CNY", "1001", is_paid=True, is_genuine=True)
WORD = Reply(PaymentStatus.PAID, "1", "G1", Decimal("73.0"), "CNY", "1001")
WAITING = replace(WORD, status=PaymentStatus.WAITING)
DONE = replace(ORDER, status=Status.SUCCESS)
CLOSED = replace(ORDER, status=Status.CLOSED)
CHEAP = replace(PAID, money=Decimal("0.01"))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(ORDER, [], None, 0, 0), Class.WAITING),
        (Facts(ORDER, [], WAITING, 0, 0), Class.WAITING),
        (Facts(ORDER, [PAID], None, 0, 0), Class.PAID_PENDING),
        (Facts(ORDER, [], WORD, 0, 0), Class.PAID_PENDING),
        (Facts(ORDER, [replace(PAID, is_genuine=False)], None, 0, 0), Class.WAITING),
        (Facts(ORDER, [replace(PAID, is_paid=False)], None, 0, 0), Class.WAITING),
        (Facts(DONE, [PAID], None, 1, 0), Class.CREDITED),
        (Facts(DONE, [], None, 1, 0), Class.CREDITED),
        (Facts(DONE, [], WORD, 1, 0), Class.CREDITED),
        (Facts(DONE, [], WAITING, 1, NOW - 90, NOW - 10), Class.CREDITED_UNPAID),
        (Facts(DONE, [], WAITING, 1, NOW - 90, NOW - 100), Class.CREDITED),
        (Facts(DONE, [PAID], WAITING, 1, 0), Class.CREDITED),
        (Facts(DONE, [PAID], None, 2, 0), Class.CREDITED_TWICE),
        (Facts(DONE, [PAID], None, 0, NOW - 10), Class.CREDITED),
        (Facts(DONE, [PAID], None, 0, NOW - 90), Class.SUCCESS_UNCREDITED),
        (Facts(CLOSED, [PAID], None, 0, 0), Class.PAID_CLOSED),
        (Facts(CLOSED, [], WORD, 0, 0), Class.PAID_CLOSED),
        (Facts(CLOSED, [], None, 0, 0), Class.ABANDONED),
        (Facts(ORDER, [CHEAP], None, 0, 0), Class.AMOUNT_DIFFERS),
        (Facts(DONE, [CHEAP], None, 1, 0), Class.AMOUNT_DIFFERS),
        (Facts(ORDER, [], replace(WORD, currency="USD"), 0, 0), Class.AMOUNT_DIFFERS),
        (Facts(None, [PAID], None, 0, 0), Class.UNKNOWN_ORDER),
        (Facts(None, [], None, 0, 0), Class.WAITING),
    ],
)
def test_class(facts: Facts, expected: Class) -> None:
    assert audit.classify(facts, NOW) is expected


@pytest.mark.parametrize(
    "reply",
    [
        WAITING,
        replace(WORD, status=PaymentStatus.UNCLEAR),
        replace(WORD, number="2"),
        replace(WORD, number=""),
        replace(WORD, gateway_number=""),
        replace(WORD, money=None),
        replace(WORD, money=Decimal("72.98")),
        replace(WORD, money=Decimal("73.01")),
        replace(WORD, currency="USD"),
        replace(WORD, merchant="1002"),
    ],
)
def test_only_the_whole_word_credits(reply: Reply) -> None:
    assert audit.may_credit(ORDER, "1001", WORD)
    assert not audit.may_credit(ORDER, "1001", reply)


def _success(number: object, created: float, at: float = 0.0, credits: int = 0) -> Success:
    made = replace(DONE, number=str(number), created=created)
    return Success(made, at, credits)


def _counts(found: dict[int, str]) -> dict[str, int]:
    return dict(Counter(found.values()))


def test_credits_find_their_orders() -> None:
    orders = [_success(n, NOW + n * 100) for n in range(3)]
    credits = [Credit(1, 7, 500, NOW + 10), Credit(2, 7, 500, NOW + 310), Credit(3, 8, 500, NOW)]
    assert order.assign(orders, credits, NOW + 320) == {1: "0", 2: "1"}
    more = [*credits, Credit(4, 7, 500, NOW + 320), Credit(5, 7, 500, NOW + 330)]
    assert _counts(order.assign(orders, more, NOW + 340)) == {"0": 1, "1": 1, "2": 1}
    assert _counts(order.assign(orders, more, NOW + 900)) == {"0": 1, "1": 1, "2": 2}


def test_credit_is_of_the_order_whose_callback_was_taken_then() -> None:
    orders = [_success("late", NOW, at=NOW + 500.7), _success("soon", NOW + 1, at=NOW + 20.2)]
    credits = [Credit(1, 7, 500, NOW + 20), Credit(2, 7, 500, NOW + 500)]
    assert order.assign(orders, credits, NOW + 900) == {1: "soon", 2: "late"}


def test_credit_of_an_order_that_has_one_waits_before_it_counts_twice() -> None:
    orders = [_success("1", NOW, at=NOW + 9, credits=1)]
    credit = Credit(1, 7, 500, NOW + 10)
    assert order.assign(orders, [credit], NOW + 60) == {}
    assert order.assign(orders, [credit], NOW + 10 + order.LATE + 1) == {1: "1"}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1000)), max_size=40))
def test_no_credit_is_counted_twice(made: list[tuple[int, int]]) -> None:
    orders = [
        Success(replace(DONE, number=str(at), user=user, created=float(when)), when + 1.0, 0)
        for at, (user, when) in enumerate(made)
    ]
    credits = [Credit(at, user, 500, when + 1.0) for at, (user, when) in enumerate(made)]
    found = order.assign(orders, credits, 9999.0)
    assert sorted(found.values()) == sorted(str(at) for at in range(len(made)))


def test_asked_on_a_growing_schedule() -> None:
    asked: list[float] = []
    last = None
    for now in range(0, 2 * 86400, 20):
        if schedule.ask_due(0, last, now):
            last = float(now)
            asked.append(last)
    assert [round(each, -1) for each in asked] == [float(step) for step in schedule.ASK_AT]


def test_an_outage_asks_for_all_once_more() -> None:
    assert not schedule.ask_due(0, 130, 140)
    assert schedule.ask_due(0, 130, 140, outage_ended=135)
    assert not schedule.ask_due(0, 136, 140, outage_ended=135)


def test_resent_with_back_off_and_not_after_the_deadline() -> None:
    assert not schedule.resend_due(100, 0, None, 105, None)
    assert schedule.resend_due(100, 0, None, 111, None)
    assert not schedule.resend_due(100, 1, 111, 120, None)
    assert schedule.resend_due(100, 1, 111, 127, None)
    assert not schedule.resend_due(100, 3, 111, 127, None)
    assert schedule.resend_due(100, 30, 111, 111 + schedule.LONGEST, None)
    assert schedule.resend_due(100, 0, None, 390, 300.0)
    assert not schedule.resend_due(100, 0, None, 396, 300.0)


def test_what_nothing_kept_can_credit_waits_to_be_closed() -> None:
    facts = Facts(ORDER, [PAID], None, 0, 0)
    for is_disabled in (True, False):
        means = Means(is_disabled, is_gone=False, is_held=False, completes=False, has_way=False)
        assert cases.remedy(Class.PAID_PENDING, facts, means) == Remedy.CLOSE
