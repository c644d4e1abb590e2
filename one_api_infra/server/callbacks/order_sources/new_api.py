"""New API's orders: one epay account in its options, orders, and a log that names no order.

Orders are listed since v0.9 (controller/topup.go: GetAllTopUps, AdminCompleteTopUp). Since
50e5377e (2026-08-11; v1.0.0-rc.25) a callback's order and credit are one transaction, and so is
ManualCompleteTopUp of before; both note ``complete_time``: such an order is its own credit. The
EpayNotify of before changed the order, then the quota, then wrote its line, and noted no time: of
such an order only the line tells whether it was credited, whatever release runs today.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.gateways.gateway import Account
from one_api_infra.server.callbacks.order import (
    DOLLARS,
    Correction,
    Credit,
    Order,
    QuotaDisplay,
    Status,
)
from one_api_infra.server.callbacks.order_sources.order_source import PAGE
from one_api_infra.server.callbacks.schedule import HORIZON
from one_api_infra.shared.editions.api import Api, ApiError

LIST = "/api/user/topup"
TOPUP, MANAGE = 1, 3  # the log's types of credits and of what administrators did
PAID = re.compile(r"^使用在线充值成功.*支付金额：([0-9.]+)$")  # model/log.go: RecordTopupLog
COMPLETED = re.compile(r"^管理员补单成功.*支付金额：([0-9.]+)$")  # ManualCompleteTopUp
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
TOGETHER = 5  # seconds between an order's completion and its line
# By what an administrator did: the sums that its line names, with their signs (controller/user.go:
# ManageUser).
CHANGES: Mapping[str, Mapping[str, int]] = {
    "user.quota_add": {"quota": 1},
    "user.quota_subtract": {"quota": -1},
    "user.quota_override": {"to": 1, "from": -1},
}
# What Waffo takes in whole units (controller/topup_waffo.go).
WHOLE = {"IDR", "JPY", "KRW", "VND"}
# The unit in which New API shows quota, and the options that hold its rate to the dollar and sign.
DISPLAY = "general_setting.quota_display_type"
RATES = {"CNY": "USDExchangeRate", "CUSTOM": "general_setting.custom_currency_exchange_rate"}
SIGN, SIGNS = "general_setting.custom_currency_symbol", {"CNY": "¥"}
# Where each kind of gateway calls, and the options that hold what a payment row would.
ACCOUNTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "epay": ("/api/user/epay/notify",
             {"pay_domain": "PayAddress", "partner_id": "EpayId", "key": "EpayKey"}),
    "stripe": ("/api/stripe/webhook",
               {"secret_key": "StripeApiSecret", "webhook_secret": "StripeWebhookSecret",
                "ours": "StripeNumbers"}),
    "creem": ("/api/creem/webhook", {"webhook_secret": "CreemWebhookSecret"}),
    "waffo": ("/api/waffo/webhook", {"public_key": "WaffoKey"}),
}  # fmt: skip
QUOTA_PER_UNIT = "500000"
OURS = "ref_ sub_ref_"  # how numbers of Stripe's orders begin (controller/topup_stripe.go)
UNPRICED = {"stripe", "creem"}
# A subscription's sale names no provider (model/subscription.go), but how it was paid.
METHODS = {name: name for name in ("stripe", "creem", "waffo")}
# Options by which one sees that another gateway than epay is set up.
OTHERS, OFF = ("StripePriceId", "CreemProducts", "WaffoEnabled"), {None, "", "[]", "false"}
STATUS = {"pending": Status.PENDING, "success": Status.SUCCESS, "failed": Status.FAILED}


class NewApiOrders:
    """By the management API, which does not tell the gateways' ``keys``: they are handed over."""

    can_complete = True
    is_blind = False

    def __init__(self, api: Api, keys: Mapping[str, str] | None) -> None:
        self.api = api
        self.edition = api.edition
        self.keys = keys
        self._quota_per_unit = Decimal(QUOTA_PER_UNIT)
        self.display = DOLLARS
        self._waffo_is_whole = False

    def accounts(self) -> Sequence[Account]:
        options = self.api.options()
        self._quota_per_unit = Decimal(options.get("QuotaPerUnit") or QUOTA_PER_UNIT)
        self.display = _display(options, self._quota_per_unit)
        self._waffo_is_whole = options.get("WaffoCurrency") in WHOLE
        keys = self.keys or {}
        known = {**options, **keys, **_waffo(options, keys), "StripeNumbers": OURS}
        # Without the key no callback can be judged: none is called forged for that.
        is_set_up = known.get("PayAddress") and known.get("EpayId")
        others = any(options.get(name) not in OFF for name in OTHERS)
        self.is_blind = bool(is_set_up and not known.get("EpayKey"))
        self.is_blind |= self.keys is None and others
        found = ((kind, path, {name: known.get(option, "") for name, option in names.items()})
                 for kind, (path, names) in ACCOUNTS.items())  # fmt: skip
        return [
            GATEWAYS[kind].account(kind, path, config)
            for kind, path, config in found
            if all(config[name] for name in GATEWAYS[kind].needed)
        ]

    def orders(self, since: float) -> Iterator[Order]:
        return map(self._order, self._rows(since))

    def order(self, number: str) -> Order | None:
        rows = self._pages(f"{LIST}?keyword={quote(number, safe='')}")
        return next((self._order(row) for row in rows if row["trade_no"] == number), None)

    def credits(self, since: float) -> Iterator[Credit]:
        rows = [row for row in self._rows(since) if row["status"] == "success"]
        for row in rows:
            if row["complete_time"] >= max(since, 1):
                yield self._credit(row)
        if any(not row["complete_time"] for row in rows):
            yield from self._logged(rows, since)

    def credits_of(self, number: str) -> Sequence[Credit]:
        rows = self._pages(f"{LIST}?keyword={quote(number, safe='')}")
        return [self._credit(row) for row in rows if row["trade_no"] == number and _is_told(row)]

    def _credit(self, row: Mapping[str, Any]) -> Credit:
        order = self._order(row)
        return Credit(row["id"], order.user, order.quota, float(row["complete_time"]), order.number)

    def _logged(self, rows: Sequence[Mapping[str, Any]], since: float) -> Iterator[Credit]:
        """What the log says was credited without a transaction."""
        whole = [row for row in rows if row["complete_time"]]
        quotas = {_key(row): self._order(row).quota for row in rows if not row["complete_time"]}
        lines = list(self._pages(f"/api/log/?type={TOPUP}&start_timestamp={int(since)}"))
        for line in lines:  # first, since a completion by hand has a line of its own kind
            _take(whole, line, COMPLETED)
        for line in lines:
            key = _paid(line, PAID)
            if key in quotas and not _take(whole, line, PAID):
                at = float(line["created_at"])
                yield Credit(-line["id"], line["user_id"], quotas[key], at)

    def corrections(self, since: float) -> Iterator[Correction]:
        for line in self._pages(f"/api/log/?type={MANAGE}&start_timestamp={int(since)}"):
            if found := self._correction(line):
                yield found

    def _correction(self, line: Mapping[str, Any]) -> Correction | None:
        """What one line of the audit tells; its sum is a text as the site shows quota."""
        try:
            done = json.loads(line.get("other") or "{}").get("op") or {}
        except ValueError:
            return None
        told = done.get("params") or {}
        parts = CHANGES.get(str(done.get("action")), {})
        shown = {name: NUMBER.search(str(told.get(name))) for name in parts}
        if not shown or not all(shown.values()):
            return None
        quota = sum(parts[name] * round(Decimal(number[0]) * self.display.quota)
                    for name, number in shown.items() if number)  # fmt: skip
        user = int(told.get("target_user_id") or line["user_id"])
        return Correction(line["id"], user, quota, float(line["created_at"]))

    def is_gone(self, row: str) -> bool:
        return False

    def close_overdue(self) -> None:
        """It closes none."""

    def complete(self, number: str) -> str:
        answer = self.api.request("POST", f"{LIST}/complete", {"trade_no": number})
        return "completed" if answer.get("success") else str(answer.get("message"))

    def _order(self, row: Mapping[str, Any]) -> Order:
        provider = row.get("payment_provider") or METHODS.get(str(row["payment_method"]), "epay")
        # Stripe's order holds what is credited, in units, Creem's in quota, a subscription's none;
        # what is taken for them stands nowhere.
        named = row["money"] if provider == "stripe" and row["amount"] else row["amount"]
        units = Decimal(str(named))
        is_priced = provider not in UNPRICED and bool(units)
        places = 0 if provider == "waffo" and self._waffo_is_whole else 2
        return Order(
            number=str(row["trade_no"]),
            user=int(row["user_id"]),
            row=provider,
            # As Go rounds it.
            money=Decimal(f"{float(row['money']):.{places}f}") if is_priced else None,
            currency="CNY" if provider == "epay" and is_priced else "",
            quota=int(units * (1 if provider == "creem" else self._quota_per_unit)),
            status=STATUS.get(row["status"], Status.CLOSED),
            created=float(row["create_time"]),
        )

    def _rows(self, since: float) -> Iterator[Mapping[str, Any]]:
        # New API closes no order: what nobody paid in a day is not read again.
        floor = min(since, time.time() - HORIZON)
        for row in self._pages(LIST):
            # A subscription's row is made when it is paid, and has its order's time.
            made = row["create_time"] if row["amount"] else row["complete_time"]
            if row["create_time"] >= floor:
                yield row
            elif made < floor:
                return

    def _pages(self, path: str) -> Iterator[Mapping[str, Any]]:
        mark = "&" if "?" in path else "?"
        page = 1
        while True:
            answer = self.api.request("GET", f"{path}{mark}p={page}&page_size={PAGE}")
            if not answer.get("success"):
                raise ApiError(f"{path}: {answer.get('message') or answer}")
            data = answer["data"]
            yield from data["items"] or []
            if page * PAGE >= data["total"] or not data["items"]:
                return
            page += 1


def _waffo(options: Mapping[str, str], keys: Mapping[str, str]) -> Mapping[str, str]:
    """Waffo's key for the mode that is set."""
    name = "WaffoSandboxPublicCert" if options.get("WaffoSandbox") == "true" else "WaffoPublicCert"
    return {"WaffoKey": keys.get(name, "")}


def _display(options: Mapping[str, str], quota_per_unit: Decimal) -> QuotaDisplay:
    """The currency of its pages and its log."""
    kind = options.get(DISPLAY, "")
    if kind == "TOKENS":
        return QuotaDisplay("", Decimal(1))
    rate = Decimal(options.get(RATES.get(kind, ""), "") or 1)
    rate = rate if rate > 0 else Decimal(1)  # as New API takes it
    sign = options.get(SIGN, "") if kind == "CUSTOM" else SIGNS.get(kind, "$")
    return QuotaDisplay(sign, quota_per_unit / rate)


def _key(row: Mapping[str, Any]) -> tuple[int, Decimal]:
    """Whose payment of how much, as the log writes it."""
    return int(row["user_id"]), round(Decimal(str(row["money"])), 6)


def _paid(line: Mapping[str, Any], kind: re.Pattern[str]) -> tuple[int, Decimal] | None:
    """The same of a line of the log; None of another kind."""
    found = kind.match(str(line["content"]))
    return (int(line["user_id"]), Decimal(found[1])) if found else None


def _is_told(row: Mapping[str, Any]) -> bool:
    """Whether an order tells when it was credited."""
    return row["status"] == "success" and bool(row["complete_time"])


def _take(whole: list[Mapping[str, Any]], line: Mapping[str, Any], kind: re.Pattern[str]) -> bool:
    """Whether a line is that of an order that noted its time, which is taken from the list."""
    key = _paid(line, kind)
    for row in whole if key else ():
        if _key(row) == key and abs(row["complete_time"] - line["created_at"]) <= TOGETHER:
            whole.remove(row)
            return True
    return False
