"""What follows from the editions' data."""

from typing import Any

import pytest

from one_api_infra.shared import editions
from one_api_infra.shared.editions import EDITIONS
from one_api_infra.shared.editions.api import ApiError, entered

ONE_HUB = {"PaymentUSDRate": 7.3}


@pytest.mark.parametrize(("told", "name"), [
    ({}, "one-api"), (ONE_HUB, "one-hub"), ({"self_use_mode_enabled": False}, "new-api"),
    (ONE_HUB | {"builtin_chat_enabled": False}, "done-hub"),
])  # fmt: skip
def test_an_edition_is_known_by_its_status(told: dict[str, Any], name: str) -> None:
    assert editions.of_status(told).name == name


@pytest.mark.parametrize(("name", "gateway", "path"), [
    ("one-hub", "epay", "/api/payment/notify/abc"),
    ("done-hub", "epay", "/api/user/epay/notify"),
    ("done-hub", "alipay", "/api/payment/notify/abc"),
])  # fmt: skip
def test_where_a_gateway_is_told_to_call(name: str, gateway: str, path: str) -> None:
    assert EDITIONS[name].callback_path(gateway, "abc") == path


def test_a_fork_takes_its_parent_over_and_goes_back() -> None:
    over = {
        (new.name, old.name)
        for new in EDITIONS.values()
        for old in EDITIONS.values()
        if new is not old and new.takes_over(old)
    }
    assert over == {("done-hub", "one-hub"), ("one-hub", "done-hub")}
    assert all(each.takes_over(each) for each in EDITIONS.values())


@pytest.mark.parametrize(
    ("data", "user", "bearer"),
    [
        ({"id": 1, "username": "root"}, 1, ""),
        ({"id": 7, "access_token": "t"}, 7, "t"),
        ({"access_token": "t", "token_type": "Bearer", "user": {"id": 1, "role": 100}}, 1, "t"),
    ],
)
def test_who_has_logged_in(data: dict[str, Any], user: int, bearer: str) -> None:
    """Of One Hub and New API of before, of its first 1.0, and since 2026-07-20."""
    assert entered(data) == (user, bearer)


def test_a_second_factor_is_told() -> None:
    with pytest.raises(ApiError, match="second factor"):
        entered({"require_2fa": True, "flow_token": "x"})
