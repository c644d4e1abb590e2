"""Callbacks: recorded as they came, replayed, reconciled, and never credited twice."""

import base64
import binascii
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from one_api_infra.lab import epay
from one_api_infra.lab.gateway import Gateway
from tests.lab import ledgers, payments
from tests.lab.sites import LabSite

QUOTA = 5000000


@pytest.fixture(scope="module")
def shared() -> dict[str, LabSite]:
    return {}


@pytest.fixture
def paid(site: LabSite, gateway: Gateway) -> Iterator[LabSite]:
    """A site with a payment row."""
    payments.add_payment(site, gateway)
    site.host.ssh("systemctl stop one-api-callbacks.timer")  # the test says when it runs
    yield site


def _url(site: LabSite) -> str:
    uuid = site.api().payments()[0]["uuid"]
    return f"https://{site.domain}/api/payment/notify/{uuid}"


def test_record_holds_every_byte(paid: LabSite) -> None:
    path = _url(paid).removeprefix(f"https://{paid.domain}")
    bodies = [b"", "name=充值&x=1".encode("gb18030"), bytes(range(256)) * 256]
    for body in bodies:
        reply = paid.outside.request("POST", "https", path, body=body)
        assert reply.status == 200, reply
    found = [line for line in ledgers.log(paid) if line["method"] == "POST"][-3:]
    assert [base64.b64decode(line["body64"]) for line in found] == bodies
    assert {binascii.unhexlify(line["answer16"]) for line in found} == {b"fail"}


def test_callback_that_met_a_stopped_one_api_is_replayed(paid: LabSite, gateway: Gateway) -> None:
    order = payments.create_order(paid, gateway)
    before = ledgers.credited(paid)
    paid.host.ssh("systemctl stop one-api.service")
    reply = paid.notified(gateway, _url_of(order), order)
    assert reply.status == 502
    paid.host.ssh("systemctl start one-api.service")
    time.sleep(11)
    ledgers.run(paid)
    number = order["out_trade_no"]
    assert ledgers.status(paid, number) == "success"
    assert ledgers.credited(paid) == before + QUOTA
    assert ledgers.acts(paid, number) == [("replay", "credited")]
    ledgers.run(paid)
    assert ledgers.acts(paid, number) == [("replay", "credited")]
    assert not ledgers.cases(paid)


def test_payment_of_a_silent_gateway_is_reconciled(paid: LabSite, gateway: Gateway) -> None:
    address = paid.lab.network.service("gateway")
    order, unpaid, lying = (payments.create_order(paid, gateway) for _each in range(3))
    before = ledgers.credited(paid)
    epay.pay(address, order)
    epay.pay(address, unpaid, status=0, endtime=None)
    epay.pay(address, lying, endtime=None)
    for each in (order, unpaid, lying):
        ledgers.age(paid, each["out_trade_no"], 100)
    ledgers.run(paid)
    states = [ledgers.status(paid, each["out_trade_no"]) for each in (order, unpaid, lying)]
    assert states == ["success", "pending", "pending"]
    assert ledgers.credited(paid) == before + QUOTA
    assert ledgers.acts(paid, order["out_trade_no"]) == [("reconcile", "credited")]


def test_wrong_amount_and_forgery_are_cases_and_no_credit(paid: LabSite, gateway: Gateway) -> None:
    address = paid.lab.network.service("gateway")
    order, forged = (payments.create_order(paid, gateway) for _each in range(2))
    before = ledgers.credited(paid)
    epay.pay(address, order, money="0.01")
    ledgers.age(paid, order["out_trade_no"], 100)
    parameters = gateway.notification(forged) | {"sign": "0" * 32}
    reply = paid.outside.get(f"{_path(forged)}?{urlencode(parameters)}")
    assert reply.body == b"fail"
    for _run in range(2):
        ledgers.run(paid)
    assert ledgers.credited(paid) == before
    found = ledgers.cases(paid)
    assert found[order["out_trade_no"]] == "amount_differs"
    assert sorted(found.values()) == ["amount_differs", "forged"]
    assert ledgers.rows(paid, "SELECT count(*) FROM cases")[0][0] == 2


def _url_of(order: dict[str, str]) -> str:
    return order["notify_url"]


def _path(order: dict[str, str]) -> str:
    return "/" + order["notify_url"].split("/", 3)[3]
