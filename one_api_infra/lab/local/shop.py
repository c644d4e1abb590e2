"""A One API with an account at each gateway, as root sees it: accounts, and orders.

Raises ApiError where One API refuses or does not answer.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from one_api_infra.lab import apis
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.gateways import Alipay, Stripe, Wxpay
from one_api_infra.server.callbacks.checkouts import TILLS
from one_api_infra.server.callbacks.checkouts.checkout import Checkout
from one_api_infra.server.callbacks.gateways.gateway import Account
from one_api_infra.server.callbacks.order import Order
from one_api_infra.server.callbacks.order_sources import ORDER_SOURCES
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource
from one_api_infra.shared import editions
from one_api_infra.shared.editions.api import Api, ApiError
from one_api_infra.shared.texts import _

NAME = "one-api-infra {kind}"  # of a payment row
DAY = 86_400
SHOWN = 20  # orders
LOOK = 30.0  # seconds between two looks at the payment rows


@dataclass
class Shop:
    """``refused`` is why One API has no row of a kind; ``given`` what payers' pages brought."""

    api: Api
    epay: Gateway
    alipay: Alipay = field(default_factory=Alipay)
    wxpay: Wxpay = field(default_factory=Wxpay)
    stripe: Stripe = field(default_factory=Stripe)
    refused: dict[str, str] = field(default_factory=dict)
    given: dict[str, Mapping[str, str]] = field(default_factory=dict)
    known: list[Account] = field(default_factory=list)
    looked: float = 0.0

    @cached_property
    def source(self) -> OrderSource:
        """One API's orders."""
        return ORDER_SOURCES[self.api.edition.order_source](self.api, self.epay.key)

    def open(self) -> None:
        """Let the gateways know the keys, and One API the accounts."""
        keys = {"alipay": self.alipay.private, "wxpay": self.wxpay.key}
        apis.Handler.keys.update(keys, platform=self.wxpay.platform, stripe=self.stripe.secret)
        if self.api.edition.payment_rows:
            self.close()
            for row in self._rows():
                self._add(row)
        else:
            self._set_options()

    def _rows(self) -> list[dict[str, Any]]:
        epay = self.epay.payment_row()
        return [epay, *(each.payment_row() for each in (self.alipay, self.wxpay, self.stripe))]

    def _add(self, row: Mapping[str, Any]) -> None:
        kind = str(row["type"])
        named = {**row, "name": NAME.format(kind=kind), "notify_domain": self.api.base}
        answer = self.api.request("POST", "/api/payment/", named)
        if not answer.get("success"):
            self.refused[kind] = str(answer.get("message") or answer)

    def _set_options(self) -> None:
        """New API: one epay account. ApiError if it has another: its key would be lost."""
        known = self.api.options().get("PayAddress", "")
        if known not in {"", self.epay.pay_domain}:
            raise ApiError(
                _(
                    "this One API has an account at {url}, whose key would be lost: use one"
                    " without",
                    url=known,
                )
            )
        self.api.request("POST", "/api/option/payment_compliance", {"confirmed": True})
        account = {"PayAddress": self.epay.pay_domain, "EpayId": self.epay.partner}
        account |= {"EpayKey": self.epay.key, "CustomCallbackAddress": self.api.base}
        for key, value in account.items():
            self.api.set_option(key, value)

    def close(self) -> None:
        """Take our accounts away."""
        if not self.api.edition.payment_rows:
            for key in ("PayAddress", "EpayId", "CustomCallbackAddress"):
                self.api.set_option(key, "")
            return
        for row in self.api.payments():
            if str(row["name"]) == NAME.format(kind=row["type"]):
                self.api.request("DELETE", f"/api/payment/{row['id']}")

    def accounts(self) -> list[Account]:
        """Ours, as One API holds them; it limits its callers, and the page looks all the time."""
        if time.monotonic() - self.looked < LOOK:
            return self.known
        mine = {NAME.format(kind=kind) for kind in ("epay", "alipay", "wxpay", "stripe")}
        found = list(self.source.accounts())
        mine_alone = [each for each in found if each.title.partition(" ")[2] in {*mine, ""}]
        self.known, self.looked = mine_alone, time.monotonic()
        return self.known

    def order(self, row: str) -> Checkout:
        """A new order of root's."""
        account = next(each for each in self.accounts() if each.row == row)
        return TILLS[self.api.edition.order_source].order(self.api, self.api, account)

    def orders(self) -> list[tuple[Order, Account]]:
        """The newest ones at our accounts."""
        accounts = {each.row: each for each in self.accounts()}
        # A pending one of today comes twice.
        by_number = {each.number: each for each in self.source.orders(time.time() - DAY)}
        found = sorted(by_number.values(), key=_age, reverse=True)
        mine = [(each, accounts[each.row]) for each in found if each.row in accounts]
        return mine[:SHOWN]


def _age(order: Order) -> tuple[float, str]:
    return order.created, order.number


def entered(base: str, password: str) -> Api:
    """One API as root."""
    status = Api(editions.get("one-hub"), base).status()
    api = Api(editions.of_status(status), base)
    if not api.edition.order_source:
        raise ApiError(_("{edition} takes no payments", edition=api.edition.title))
    if not api.login(password):
        raise ApiError(
            _("root cannot log in with that password; ONE_API_PASSWORD holds another one")
        )
    return api


def epay_order(order: Order, given: Mapping[str, str]) -> dict[str, str]:
    """An order as epay knows it: by the payer's page, else what One API tells."""
    money = f"{order.money:.2f}"
    told = {"out_trade_no": order.number, "type": "alipay", "name": order.number, "money": money}
    return told | dict(given)
