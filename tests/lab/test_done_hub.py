"""Done Hub: callbacks of one order one after another; One Hub's sites become its, and go back."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlencode

import pytest

from one_api_infra.lab import epay, process
from one_api_infra.lab.gateway import Gateway, Reply
from one_api_infra.lab.lab import Lab
from tests.lab import ledgers, logins, payments, real, streams
from tests.lab.conftest import packaged_site
from tests.lab.sites import LabSite

QUOTA = 500_000  # of an order of one
# A real Done Hub is ONE_API_BINARY; the real One Hub before it has this name.
BINARIES = {"done-hub": "ONE_API_BINARY", "one-hub": "ONE_HUB_BINARY"}
COMMON = "/api/user/epay/notify"
UNLIMITED = (
    "sed -i -E '/one_api_order/d; /return 400/,+1d' /etc/nginx/one-api/callbacks.conf;"
    " systemctl reload nginx; sleep 1"
)
PENDING = 20
SETTLED = 480  # orders of before
EVENTS = 5
MODEL = f"stream-{EVENTS}-10"


def become(site: LabSite, edition: str) -> None:
    """One changed setting; and the program, which has no release that could be fetched here."""
    is_real = real.edition() == "done-hub" and BINARIES[edition] in os.environ
    program = os.environ[BINARIES[edition]] if is_real else str(site.lab.stand_in)
    # Hundreds of orders come from here.
    site.inventory(edition=edition, artifact=program, connections_per_address=8000)
    site.converge()


def path_of(order: dict[str, str]) -> str:
    return "/" + order["notify_url"].split("/", 3)[3]


def twice(site: LabSite, gateway: Gateway, order: dict[str, str]) -> list[Reply]:
    """The gateway calls twice at once, while nobody can write to the database."""
    ledgers.hold(site, 2)
    with ThreadPoolExecutor(2) as pool:
        url = order["notify_url"]
        return list(pool.map(lambda _each: site.notified(gateway, url, order), range(2)))


@pytest.fixture(scope="module")
def hub(lab: Lab) -> Iterator[LabSite]:
    """A site of One Hub's."""
    site = packaged_site(lab, "hub", "hub.lab.test")
    become(site, "one-hub")
    yield site
    site.host.remove()


@pytest.mark.timeout(600)
def test_one_hub_becomes_done_hub_and_goes_back(hub: LabSite, gateway: Gateway) -> None:
    payments.add_payment(hub, gateway)
    hub.host.ssh("systemctl stop one-api-callbacks.timer")  # the test says when it runs
    _settle(hub, gateway)
    before = [payments.create_order(hub, gateway, 1) for _each in range(PENDING)]
    session, token = logins.session(hub), streams.prepare(hub, MODEL)
    become(hub, "done-hub")
    assert logins.is_logged_in(hub, session)
    assert streams.stream(hub, token, MODEL) == EVENTS
    assert _orders(hub) == {"success": SETTLED, "pending": PENDING}
    begin = payments.credited(hub)
    second = hub.deploy("-y", "--json").totals
    assert second["no_change"] == second["hosts"]
    verified = hub.verify()
    assert verified.returncode == 0, verified.stdout
    after = [payments.create_order(hub, gateway, 1) for _each in range(PENDING)]
    assert {path_of(order) for order in after} == {COMMON}
    called = [*before[::2], *after[::2]]
    assert all(hub.notified(gateway, each["notify_url"], each).is_accepted for each in called)
    assert payments.credited(hub) == begin + PENDING * QUOTA
    become(hub, "one-hub")
    for order in before[1::2]:
        assert hub.notified(gateway, order["notify_url"], order).is_accepted
    # One Hub does not know the way at which these are told: they are asked for.
    hub.host.ssh("systemctl stop one-api-callbacks.timer")
    for order in after[1::2]:
        epay.pay(hub.lab.network.service("gateway"), order)
        ledgers.age(hub, order["out_trade_no"], 100)
    ledgers.run(hub)
    assert payments.credited(hub) == begin + 2 * PENDING * QUOTA
    assert not ledgers.cases(hub)
    assert _orders(hub) == {"success": SETTLED + 2 * PENDING}
    become(hub, "done-hub")


def _settle(site: LabSite, gateway: Gateway) -> None:
    """Orders of before, paid and credited."""
    for _each in range(SETTLED):
        order = payments.create_order(site, gateway, 1)
        # nginx takes twenty a second from an address.
        process.wait_until(partial(_is_taken, site, gateway, order), 20, "the callback's turn")


def _is_taken(site: LabSite, gateway: Gateway, order: dict[str, str]) -> bool:
    return site.notified(gateway, order["notify_url"], order).is_accepted


def _orders(site: LabSite) -> dict[str, int]:
    """How many orders have which status, from the database."""
    return dict(map(tuple, site.rows("SELECT status, count(*) FROM orders GROUP BY status")))


@pytest.mark.timeout(300)
def test_two_callbacks_at_once_are_credited_once(hub: LabSite, gateway: Gateway) -> None:
    hub.host.ssh("systemctl stop one-api-callbacks.timer")
    other, order = (payments.create_order(hub, gateway, 1) for _each in range(2))
    begin = payments.credited(hub)
    replies = twice(hub, gateway, order)
    assert sorted(reply.status for reply in replies) == [200, 429]
    assert hub.notified(gateway, order["notify_url"], order).is_accepted  # told once more
    assert hub.notified(gateway, other["notify_url"], other).is_accepted
    assert payments.credited(hub) == begin + 2 * QUOTA


@pytest.mark.timeout(300)
def test_other_orders_wait_for_nobody(hub: LabSite, gateway: Gateway) -> None:
    orders = [payments.create_order(hub, gateway, 1) for _each in range(PENDING)]
    began = time.monotonic()
    with ThreadPoolExecutor(PENDING) as pool:
        done = pool.map(lambda each: hub.notified(gateway, each["notify_url"], each), orders)
        assert all(reply.is_accepted for reply in done)
    assert time.monotonic() - began < 1  # the second call of one order waits a second


@pytest.mark.timeout(300)
def test_a_number_that_is_written_oddly_gains_nothing(hub: LabSite, gateway: Gateway) -> None:
    hub.host.ssh("systemctl stop one-api-callbacks.timer")
    order = payments.create_order(hub, gateway, 1)
    begin = payments.credited(hub)
    plain = urlencode(gateway.notification(order))
    number = f"out_trade_no={order['out_trade_no']}"
    for odd in (number.replace("_", "%5F"), f"OUT_TRADE_NO=1&{number};", f"&{number}"):
        path = f"{COMMON}?{plain.replace(number, odd)}"
        assert hub.outside.request("GET", "https", path).status == 400
    assert payments.credited(hub) == begin
    assert order["out_trade_no"] not in hub.host.ssh("cat /var/log/one-api-infra/callbacks.log")
    epay.pay(hub.lab.network.service("gateway"), order)
    ledgers.age(hub, order["out_trade_no"], 100)
    ledgers.run(hub)  # nothing of it was recorded: its gateway is asked
    assert payments.credited(hub) == begin + QUOTA
    assert ledgers.acts(hub, order["out_trade_no"]) == [("reconcile", "credited")]


@pytest.mark.timeout(300)
def test_without_that_one_order_is_credited_twice_and_told(hub: LabSite, gateway: Gateway) -> None:
    hub.host.ssh(f"systemctl stop one-api-callbacks.timer; {UNLIMITED}")
    ledgers.run(hub)
    order = payments.create_order(hub, gateway, 1)
    epay.pay(hub.lab.network.service("gateway"), order)
    begin = payments.credited(hub)
    assert [reply.status for reply in twice(hub, gateway, order)] == [200, 200]
    assert payments.credited(hub) == begin + 2 * QUOTA
    ledgers.run(hub)
    ledgers.age_all(hub, 300)
    ledgers.run(hub)
    assert ledgers.cases(hub)[order["out_trade_no"]] == "credited_twice"
    hub.converge()
    again = payments.create_order(hub, gateway, 1)
    assert sorted(reply.status for reply in twice(hub, gateway, again)) == [200, 429]
