"""A change of the domain with payments under way: gateways call where they were told to."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest
import requests

from one_api_infra.lab.gateway import Gateway
from tests.lab import ledgers, payments
from tests.lab.sites import LabSite

PAYMENTS = 200
TRIES, PAUSE = 5, 3.0  # of a gateway that is not answered "success": epay's are further apart
NEW = "moved.lab.test"
QUOTA = 5000000


def pay(site: LabSite, gateway: Gateway, order: dict[str, str]) -> bool:
    """The gateway's calls for one order, to its end; whether one was taken."""
    for _again in range(TRIES):
        try:
            if site.notified(gateway, order["notify_url"], order).is_accepted:
                return True
        except requests.RequestException:
            pass
        time.sleep(PAUSE)
    return False


@pytest.mark.long
def test_no_payment_is_lost(site: LabSite, gateway: Gateway) -> None:
    payments.add_payment(site, gateway)
    before = ledgers.credited(site)
    orders = [payments.create_order(site, gateway) for _each in range(PAYMENTS + 1)]
    *paid, waiting = orders
    old = replace(site, settings=dict(site.settings))
    site.lab.point(NEW, site.host)
    site.settings["domain"] = NEW
    with ThreadPoolExecutor(4) as gateways, ThreadPoolExecutor(1) as admin:
        deployed = admin.submit(site.deploy, "-y")
        during = _paced(gateways, old, gateway, paid[: PAYMENTS // 2])
        assert deployed.result().code == 0, deployed.result().stderr
        after = _paced(gateways, old, gateway, paid[PAYMENTS // 2 :])
        assert all(each.result() for each in [*during, *after])
    states = [ledgers.status(site, each["out_trade_no"]) for each in (paid[0], paid[-1], waiting)]
    assert states == ["success", "success", "pending"]
    assert ledgers.credited(site) == before + PAYMENTS * QUOTA
    assert site.deploy("-y", "--json").changed == []

    # The old name goes by itself when the last order is closed.
    let_go = "systemctl start one-api-former-domains"
    site.host.ssh(let_go)
    assert pay(old, gateway, waiting)
    site.host.ssh(let_go)
    with pytest.raises(requests.exceptions.SSLError):
        old.notified(gateway, waiting["notify_url"], waiting)
    assert old.domain not in site.host.ssh("grep -r . /etc/nginx /var/lib/one-api-infra/former*")
    assert site.deploy("-y", "--json").changed == []
    assert site.verify().returncode == 0


def _paced(
    pool: ThreadPoolExecutor, site: LabSite, gateway: Gateway, orders: list[dict[str, str]]
) -> list[Future[bool]]:
    """A payment each tenth of a second, as long as a deploy takes."""
    made = []
    for order in orders:
        made.append(pool.submit(pay, site, gateway, order))
        time.sleep(0.1)
    return made
