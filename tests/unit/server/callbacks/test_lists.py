"""After a restore: what the gateways' lists hold and One API does not know."""

import pytest

from one_api_infra.server.callbacks import lists
from one_api_infra.server.callbacks.gateways.gateway import PaymentStatus, Reply
from one_api_infra.server.callbacks.order import Order, Status

BACK = 1_764_400_000.0
Entry = tuple[Reply, Order | None]


def known(number: int, created: float = BACK - 100) -> Entry:
    """One that One API has."""
    order = Order(str(number), 1, "row", None, "", 0, Status.SUCCESS, created)
    return Reply(PaymentStatus.PAID, str(number)), order


def lost(number: str, status: PaymentStatus = PaymentStatus.PAID) -> Entry:
    """One that it has not."""
    return Reply(status, number), None


@pytest.mark.parametrize("others", [0, 9, 40, 200])
def test_what_was_paid_and_lost_is_found(others: int) -> None:
    found = [lost("N1"), *(known(each) for each in range(others))]
    assert [each.number for each in lists._unknown(found, BACK)] == ["N1"]


def test_another_shops_account_is_left_alone() -> None:
    found = [lost("N1"), *(known(each) for each in range(15)), lost("theirs"), known(99)]
    assert lists._unknown(found, BACK) == []


def test_what_waits_and_is_unknown_says_nothing() -> None:
    """New API has a subscription's order among the others only when it is paid."""
    waits = lost("SUBUSR1", PaymentStatus.WAITING)
    found = [lost("N1"), *(known(each) for each in range(15)), waits, known(99)]
    assert [each.number for each in lists._unknown(found, BACK)] == ["N1"]
