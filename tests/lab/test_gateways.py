"""Alipay, WeChat Pay and Stripe: credited by callback, by replay, or a case when asked for."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from one_api_infra.lab import apis, process
from one_api_infra.lab.gateways import Alipay, Call, Stripe, Wxpay
from one_api_infra.outside import Answer
from tests.lab import ledgers
from tests.lab.sites import LabSite

QUOTA = 5000000
Account = Alipay | Wxpay | Stripe


@pytest.fixture(params=["alipay", "wxpay", "stripe"])
def account(request: pytest.FixtureRequest) -> Account:
    accounts: dict[str, Account] = {"alipay": Alipay(), "wxpay": Wxpay(), "stripe": Stripe()}
    return accounts[request.param]


@pytest.fixture
def shop(site: LabSite, account: Account) -> Iterator[LabSite]:
    """A site with the account's payment row; the gateway knows the account's keys."""
    row = account.payment_row()
    site.api().request("POST", "/api/payment/", row)
    site.host.ssh("systemctl stop one-api-callbacks.timer")
    keys = {"alipay": account.private} if isinstance(account, Alipay) else {}
    keys |= {"wxpay": account.key} if isinstance(account, Wxpay) else {}
    apis.tell(site.lab.network.service("gateway"), "keys", keys)
    yield site


def _order(site: LabSite) -> dict[str, str]:
    body = {"uuid": site.api().payments()[0]["uuid"], "amount": 10}
    answer = site.api().request("POST", "/api/user/order", body)
    assert answer["success"], answer
    return dict(answer["data"]["data"]["params"])


def _call(site: LabSite, order: dict[str, str], call: Call) -> Answer:
    path = "/" + order["notify_url"].split("/", 3)[3]
    return site.outside.request(call.method, "https", path, call.headers, call.body)


def _pay(site: LabSite, account: Account, order: dict[str, str]) -> None:
    paid: dict[str, Any] = {"number": order["out_trade_no"], "money": order["money"]}
    paid["gateway"] = account.payment_row()["type"]
    paid["merchant"] = getattr(account, "merchant", "")
    apis.tell(site.lab.network.service("gateway"), "payment", paid)


def test_callback_replay_and_question(shop: LabSite, account: Account) -> None:
    """One site for three ways: it takes a while to boot."""
    taken, lost, silent, unpaid = (_order(shop) for _each in range(4))
    before = ledgers.credited(shop)
    assert _call(shop, taken, account.call(taken)).status in {200, 204}
    call = account.call(lost)
    shop.host.ssh("systemctl stop one-api.service")
    assert _call(shop, lost, call).status == 502
    shop.host.ssh("systemctl start one-api.service")
    process.wait_until(shop.answers, 20, "One API")
    _order(shop)  # One API's clients of Alipay and WeChat Pay are made with the first order
    _pay(shop, account, silent)
    for each in (silent, unpaid):
        ledgers.age(shop, each["out_trade_no"], 100)
    time.sleep(11)
    ledgers.run(shop)
    states = [ledgers.status(shop, each["out_trade_no"]) for each in (taken, lost, silent, unpaid)]
    assert states == ["success", "success", "pending", "pending"]
    assert ledgers.credited(shop) == before + 2 * QUOTA
    assert ledgers.acts(shop, lost["out_trade_no"]) == [("replay", "credited")]
    assert ledgers.cases(shop) == {silent["out_trade_no"]: "paid_pending"}
    said = dict(map(tuple, ledgers.rows(shop, "SELECT number, said FROM words")))
    assert said[unpaid["out_trade_no"]] == "waiting"


def test_forged_one_is_not_taken(shop: LabSite, account: Account) -> None:
    order = _order(shop)
    other = type(account)()
    before = ledgers.credited(shop)
    _call(shop, order, other.call(order))
    ledgers.run(shop)
    assert (ledgers.credited(shop), ledgers.status(shop, order["out_trade_no"])) == (
        before,
        "pending",
    )
    assert list(ledgers.cases(shop).values()) == ["forged"]
