"""A gateway calls the URL that One API itself hands out, and the order is paid."""

from typing import Any

import pytest
import requests

from one_api_infra.lab.gateway import Gateway
from tests.lab.conftest import SYSTEMS
from tests.lab.payments import create_order, credited
from tests.lab.sites import LabSite


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_gateway_pays_an_order(clone: Any, gateway: Gateway, system: str, scheme: str) -> None:
    site: LabSite = clone(system)
    order = create_order(site, gateway)
    assert order["notify_url"].startswith(f"https://{site.domain}/api/payment/notify/")
    before = credited(site)

    url = order["notify_url"].replace("https://", f"{scheme}://")
    reply = site.notified(gateway, url, order)

    assert (reply.status, reply.body, reply.encoding) == (200, b"success", "")
    query = f"SELECT status FROM orders WHERE trade_no = '{order['out_trade_no']}'"
    assert site.rows(query) == [["success"]]
    assert credited(site) > before


def test_doubled_slashes_still_reach_one_api(site: LabSite, gateway: Gateway) -> None:
    order = create_order(site, gateway)
    url = order["notify_url"].replace("/api/payment", "//api//payment")
    assert site.notified(gateway, url, order).is_accepted


def test_gateway_refuses_another_ca(site: LabSite, gateway: Gateway) -> None:
    """The gateway of the lab is as strict as it claims to be."""
    order = create_order(site, gateway)
    stranger = Gateway(site.lab.ca.https_root)
    with pytest.raises(requests.exceptions.SSLError):
        site.notified(stranger, order["notify_url"], order)


def test_spoofed_address_is_not_believed(site: LabSite) -> None:
    forged = {"X-Forwarded-For": "203.0.113.99", "X-Real-IP": "203.0.113.98"}
    headers = forged | {"Content-Type": "application/json"}
    password = site.host.ssh("cat /etc/one-api/root-password").strip()
    body = f'{{"username": "root", "password": "{password}"}}'.encode()
    answer = site.outside.request("POST", "https", "/api/user/login", headers, body)
    assert b'"success":true' in answer.body.replace(b" ", b"")
    router = site.lab.network.service("router")
    assert site.rows("SELECT last_login_ip FROM users WHERE id = 1") == [[router]]
