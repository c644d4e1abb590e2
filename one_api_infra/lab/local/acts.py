"""What a button does to an order: the gateway's record of it, and the calls to One API."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import urlencode, urlsplit

import requests

from one_api_infra.lab import apis, epay
from one_api_infra.lab.gateways import Alipay, Call, Stripe, Wxpay
from one_api_infra.lab.local.shop import Shop, epay_order
from one_api_infra.server.callbacks.gateways.gateway import Account
from one_api_infra.server.callbacks.order import Order
from one_api_infra.shared.texts import N_

LATE = 20.0  # seconds
TIMEOUT = 10  # of a call
KEPT = 200
WRONG = Decimal("0.01")
ACTS = {
    "pay": N_("pay"),
    "twice": N_("pay, call twice at once"),
    "late": N_("pay, call 20 s later"),
    "amount": N_("pay 0.01 only"),
    "forged": N_("forge a call"),
    "never": N_("pay, never call"),
}


@dataclass(frozen=True)
class Event:
    """A call and its answer; status 0: there was none."""

    at: float
    number: str
    act: str
    status: int
    answer: str


class Counter:
    """Who pays and calls, and what came of it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.events: list[Event] = []

    def act(self, name: str, order: Order, account: Account) -> None:
        """Press a button; calls that come at once have been answered when it returns."""
        if name == "amount":
            order = replace(order, money=WRONG)
        if name != "forged":
            self._pay(order, account)
        if name == "late":
            called = time.strftime("%H:%M:%S", time.localtime(time.time() + LATE))
            self._note(Event(time.time(), order.number, name, 0, called))
            threading.Timer(LATE, self._call, (name, order, account)).start()
        elif name == "twice":
            with ThreadPoolExecutor(2) as pool:
                for _number in range(2):
                    pool.submit(self._call, name, order, account)
        elif name == "never":
            self._note(Event(time.time(), order.number, name, 0, "-"))
        else:
            self._call(name, order, account)

    def _pay(self, order: Order, account: Account) -> None:
        """From now on the gateway says so, if it is asked."""
        paid = {"money": _money(order), "gateway": account.gateway, "merchant": account.merchant}
        apis.Handler.payments[order.number] = paid
        ended = time.strftime("%Y-%m-%d %H:%M:%S")
        epay.Handler.payments[order.number] = {
            "pid": epay.PARTNER,
            "status": 1,
            "endtime": ended,
            "out_trade_no": order.number,
            "trade_no": f"G{order.number}",
            "money": _money(order),
        }

    def _call(self, name: str, order: Order, account: Account) -> None:
        given = self.shop.given.get(order.number, {})
        call = self._made(account.gateway, order, given, forged=name == "forged")
        url = given.get("notify_url") or f"{self.shop.api.base}{account.path}"
        try:
            reply = requests.request(
                call.method, f"{url}{call.query}", data=call.body or None,
                headers=dict(call.headers), timeout=TIMEOUT, allow_redirects=False,
            )  # fmt: skip
            event = Event(time.time(), order.number, name, reply.status_code, reply.text[:200])
        except (requests.RequestException, OSError) as error:
            words = f"{urlsplit(url).netloc}: {type(error).__name__}"
            event = Event(time.time(), order.number, name, 0, words)
        self._note(event)

    def _made(self, kind: str, order: Order, given: Mapping[str, str], *, forged: bool) -> Call:
        if kind == "epay":
            account = replace(self.shop.epay, key="guessed") if forged else self.shop.epay
            known = epay_order(order, {**given, "money": _money(order)})
            return Call(b"", {}, "GET", f"?{urlencode(account.notification(known))}")
        accounts: dict[str, Alipay | Wxpay | Stripe]
        accounts = {"alipay": Alipay(), "wxpay": Wxpay(), "stripe": Stripe()}
        if not forged:
            shop = self.shop
            accounts = {"alipay": shop.alipay, "wxpay": shop.wxpay, "stripe": shop.stripe}
        return accounts[kind].call({"out_trade_no": order.number, "money": _money(order)})

    def _note(self, event: Event) -> None:
        self.events = [event, *self.events][:KEPT]


def _money(order: Order) -> str:
    return f"{order.money:.2f}"
