"""A One API with an account at each gateway, as root sees it: accounts, and orders.

Raises ApiError where One API refuses or does not answer.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from one_api_infra.lab import apis
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.gateways import Alipay, Stripe, Wxpay
from one_api_infra.server.callbacks.checkouts import TILLS
from one_api_infra.server.callbacks.checkouts.checkout import Checkout
from one_api_infra.server.callbacks.gateways.gateway import Account
from one_api_infra.server.callbacks.order import Order
from one_api_infra.server.callbacks.order_sources import ORDER_SOURCES
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource
from one_api_infra.shared.editions.api import Api, ApiError
from one_api_infra.shared.editions.entry import entered
from one_api_infra.shared.texts import _

NAME = "one-api-infra {kind}"  # of a payment row
DAY = 86_400
SHOWN = 20  # orders
LOOK = 10.0  # seconds between two looks at the payment rows
FRESH = 2.0  # seconds: it limits its callers
LOCAL = ("", "localhost", "127.0.0.1", "::1")


@dataclass
class Shop:
    """``refused`` is why One API has no row of a kind; ``given`` what payers' pages brought."""

    api: Api
    password: str = field(repr=False)
    epay: Gateway
    alipay: Alipay = field(default_factory=Alipay)
    wxpay: Wxpay = field(default_factory=Wxpay)
    stripe: Stripe = field(default_factory=Stripe)
    refused: dict[str, str] = field(default_factory=dict)
    given: dict[str, Mapping[str, str]] = field(default_factory=dict)
    known: list[Account] = field(default_factory=list)
    looked: float = 0.0
    last: list[tuple[Order, Account]] = field(default_factory=list)
    listed: float = 0.0
    before: dict[str, str] | None = None  # options that stood there; None: nothing was changed

    @cached_property
    def source(self) -> OrderSource:
        """One API's orders."""
        return ORDER_SOURCES[self.api.edition.order_source](self.api, {"EpayKey": self.epay.key})

    def open(self) -> None:
        """Let the gateways know the keys, and One API the accounts. ApiError for a real site."""
        options = self.api.options()
        if (host := urlsplit(options.get("ServerAddress", "")).hostname or "") not in LOCAL:
            raise ApiError(
                _(
                    "this One API is a site of its own ({host}): use one with an empty database",
                    host=host,
                )
            )
        keys = {"alipay": self.alipay.private, "wxpay": self.wxpay.key}
        apis.Handler.keys.update(keys, platform=self.wxpay.platform, stripe=self.stripe.secret)
        if self.api.edition.payment_rows:
            self.before = {}
            self.close()
            for row in self._rows():
                self._add(row)
        else:
            self._set_options(options)

    def _rows(self) -> list[dict[str, Any]]:
        epay = self.epay.payment_row()
        return [epay, *(each.payment_row() for each in (self.alipay, self.wxpay, self.stripe))]

    def _add(self, row: Mapping[str, Any]) -> None:
        kind = str(row["type"])
        named = {**row, "name": NAME.format(kind=kind), "notify_domain": self.api.base}
        self.refused.pop(kind, None)
        answer = self.api.request("POST", "/api/payment/", named)
        if not answer.get("success"):
            self.refused[kind] = str(answer.get("message") or answer)

    def _set_options(self, options: Mapping[str, str]) -> None:
        """New API: one epay account. ApiError if it has another: its key would be lost."""
        known = options.get("PayAddress", "")
        if known not in {"", self.epay.pay_domain} or (options.get("EpayId") and not known):
            raise ApiError(
                _(
                    "this One API has an account at {url}, whose key would be lost: use one"
                    " without",
                    url=known or "-",
                )
            )
        address = options.get("CustomCallbackAddress", "")
        self.before = {"CustomCallbackAddress": "" if address == self.api.base else address}
        self.api.request("POST", "/api/option/payment_compliance", {"confirmed": True})
        account = {"PayAddress": self.epay.pay_domain, "EpayId": self.epay.partner}
        account |= {"EpayKey": self.epay.key, "CustomCallbackAddress": self.api.base}
        for key, value in account.items():
            self.api.set_option(key, value)

    def close(self) -> None:
        """Take our accounts away, if there are any."""
        if self.before is None:
            return
        if not self.api.edition.payment_rows:
            empty = {"PayAddress": "", "EpayId": "", "EpayKey": ""}
            for key, value in {**empty, **self.before}.items():
                self.api.set_option(key, value)
            return
        for row in self.api.payments():
            if str(row["name"]) == NAME.format(kind=row["type"]):
                self.api.request("DELETE", f"/api/payment/{row['id']}")

    def accounts(self) -> list[Account]:
        """Ours, as One API holds them; it limits its callers, and the page looks all the time."""
        if time.monotonic() - self.looked < LOOK:
            return self.known
        for row in self._rows() if self.refused else ():
            if row["type"] in self.refused:
                self._add(row)
        mine = {NAME.format(kind=kind) for kind in ("epay", "alipay", "wxpay", "stripe")}
        found = list(self.source.accounts())
        mine_alone = [each for each in found if each.title.partition(" ")[2] in {*mine, ""}]
        self.known, self.looked = mine_alone, time.monotonic()
        return self.known

    def order(self, row: str) -> Checkout:
        """A new order of root's."""
        account = next(each for each in self.accounts() if each.row == row)
        self.listed = 0.0
        return TILLS[self.api.edition.order_source].order(self.api, self.api, account)

    def orders(self) -> list[tuple[Order, Account]]:
        """The newest ones at our accounts; of two seconds ago at most."""
        if time.monotonic() - self.listed < FRESH:
            return self.last
        try:
            self.last = self._orders()
        except ApiError:
            self.api = entered(self.api.base, self.password)  # it may have been started anew
            self.__dict__.pop("source", None)
            self.last = self._orders()
        self.listed = time.monotonic()
        return self.last

    def _orders(self) -> list[tuple[Order, Account]]:
        accounts = {each.row: each for each in self.accounts()}
        # A pending one of today comes twice.
        by_number = {each.number: each for each in self.source.orders(time.time() - DAY)}
        found = sorted(by_number.values(), key=_age, reverse=True)
        mine = [(each, accounts[each.row]) for each in found if each.row in accounts]
        return mine[:SHOWN]


def _age(order: Order) -> tuple[float, str]:
    return order.created, order.number


def epay_order(order: Order, given: Mapping[str, str]) -> dict[str, str]:
    """An order as epay knows it: by the payer's page, else what One API tells."""
    money = f"{order.money:.2f}"
    told = {"out_trade_no": order.number, "type": "alipay", "name": order.number, "money": money}
    return told | dict(given)
