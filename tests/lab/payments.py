"""Payment rows and orders, made through One API's own API."""

from typing import Any

from one_api_infra.lab.gateway import Gateway
from tests.lab.sites import LabSite


def add_payment(site: LabSite, gateway: Gateway) -> dict[str, Any]:
    """The site's payment row for the gateway; made, and given its domain, when it is missing."""
    api = site.api()
    if not api.payments():
        api.request("POST", "/api/payment/", gateway.payment_row())
        site.converge()
    return api.payments()[0]


def create_order(site: LabSite, gateway: Gateway, amount: int = 10) -> dict[str, str]:
    """An order of root's: the parameters with which One API sends the payer to the gateway."""
    body = {"uuid": add_payment(site, gateway)["uuid"], "amount": amount}
    answer = site.api().request("POST", "/api/user/order", body)
    assert answer["success"], answer
    return dict(answer["data"]["data"]["params"])


def credited(site: LabSite) -> int:
    """Root's quota, from the database."""
    return int(site.rows("SELECT quota FROM users WHERE id = 1")[0][0])
