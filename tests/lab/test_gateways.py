"""Alipay, WeChat Pay, Stripe, BEpusdt: credited by callback, by replay; or a case when asked."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from one_api_infra.checks import catalogue
from one_api_infra.checks.verdict import State, Verdict
from one_api_infra.lab import apis, epay, process
from one_api_infra.lab.gateways import Alipay, Bepusdt, Call, Stripe, Wxpay
from one_api_infra.remote import status
from one_api_infra.remote.probe_client import Answer
from one_api_infra.server.callbacks import silent
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
    if isinstance(account, Wxpay):
        keys |= {"wxpay": account.key, "platform": account.platform}
    apis.tell(site.lab.network.service("gateway"), "keys", keys)
    yield site


def _order(site: LabSite) -> dict[str, str]:
    body = {"uuid": site.api().payments()[0]["uuid"], "amount": 10}
    answer = site.api().request("POST", "/api/user/order", body)
    assert answer["success"], answer
    return dict(answer["data"]["data"]["params"])


def _call(site: LabSite, order: dict[str, str], call: Call) -> Answer:
    path = "/" + order["notify_url"].split("/", 3)[3] + f"?{call.query}" * bool(call.query)
    return site.outside.request(call.method, "https", path, call.headers, call.body)


def _pay(site: LabSite, account: Account, order: dict[str, str]) -> None:
    paid: dict[str, Any] = {"number": order["out_trade_no"], "money": order["money"]}
    paid["gateway"] = account.payment_row()["type"]
    paid["merchant"] = getattr(account, "merchant", "")
    apis.tell(site.lab.network.service("gateway"), "payment", paid)


def test_callback_replay_question_and_forgery(shop: LabSite, account: Account) -> None:
    """One site for all: it takes a while to boot."""
    taken, lost, silent, unpaid, forged = (_order(shop) for _each in range(5))
    before = ledgers.credited(shop)
    _call(shop, forged, type(account)().call(forged))
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
    orders = (taken, lost, silent, unpaid, forged)
    states = [ledgers.status(shop, each["out_trade_no"]) for each in orders]
    assert states == ["success", "success", "pending", "pending", "pending"]
    assert ledgers.credited(shop) == before + 2 * QUOTA
    assert ledgers.acts(shop, lost["out_trade_no"]) == [("replay", "credited")]
    cases = ledgers.cases(shop)
    assert cases.pop(silent["out_trade_no"]) == "paid_pending"
    assert list(cases.values()) == ["invalid_signature"]
    said = dict(map(tuple, ledgers.rows(shop, "SELECT number, status FROM replies")))
    assert said[unpaid["out_trade_no"]] == "waiting"


def test_an_epay_without_a_query(site: LabSite) -> None:
    """BEpusdt: credited by callback and by replay; that it cannot be asked is known."""
    domain = f"{epay.url(site.lab.network.service('gateway'))}/bepusdt"
    account = Bepusdt(domain)
    site.api().request("POST", "/api/payment/", account.payment_row())
    site.host.ssh("systemctl stop one-api-callbacks.timer")
    taken, lost, unpaid, forged = (_order(site) for _each in range(4))
    before = ledgers.credited(site)
    assert _call(site, taken, account.call(taken)).status == 200
    _call(site, forged, account.call(forged, key="another"))
    site.host.ssh("systemctl stop one-api.service")
    assert _call(site, lost, account.call(lost)).status == 502
    site.host.ssh("systemctl start one-api.service")
    process.wait_until(site.answers, 20, "One API")
    ledgers.age(site, unpaid["out_trade_no"], 100)
    time.sleep(11)
    ledgers.run(site)
    assert ledgers.credited(site) == before + 2 * QUOTA
    assert ledgers.acts(site, lost["out_trade_no"]) == [("replay", "credited")]
    assert list(ledgers.cases(site).values()) == ["invalid_signature"]
    assert _asked(site).state is State.OK
    for _time in range(silent.TIMES - 1):
        ledgers.age_all(site, 700)
        ledgers.run(site)
    found = _asked(site)
    assert (found.state, "has no query" in found.cause) == (State.OK, True)
    assert "HTTP 404" in str(ledgers.rows(site, "SELECT detail FROM replies"))
    # A gateway that should answer, and does not, is told.
    nobody = replace(account, pay_domain=epay.url(site.lab.network.service("gateway"), 1))
    site.api().request("PUT", "/api/payment/", site.api().payments()[0] | nobody.payment_row())
    ledgers.age_all(site, 700)
    ledgers.run(site)
    found = _asked(site)
    assert (found.state, "no connection" in found.cause) == (State.WARNING, True)
    assert site.verify("-k", "ledger.can_ask").returncode == 0  # a warning


def _asked(site: LabSite) -> Verdict:
    seen = catalogue.judge(status.observe(site.host.name, site.settings))
    return next(each for each in seen if each.id == "ledger.can_ask")
