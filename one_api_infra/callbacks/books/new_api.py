"""New API's books: one epay account in its options, orders, and no log that names a sum.

Orders are listed since v0.9 (controller/topup.go: GetAllTopUps, AdminCompleteTopUp). Order and
credit are one transaction there (model/topup.go: RechargeEpay, ManualCompleteTopUp), so that an
order that succeeded is its own credit; the log's line comes after it and may be missing.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from one_api_infra.callbacks.books.books import PAGE
from one_api_infra.callbacks.gateways import GATEWAYS
from one_api_infra.callbacks.gateways.gateway import Account
from one_api_infra.callbacks.order import Credit, Order, Status
from one_api_infra.callbacks.schedule import HORIZON
from one_api_infra.editions.api import Api, ApiError

LIST = "/api/user/topup"
NOTIFY = "/api/user/epay/notify"
QUOTA_PER_UNIT = "500000"
STATUS = {"pending": Status.PENDING, "success": Status.SUCCESS, "failed": Status.FAILED}


class NewApiBooks:
    """By the management API, which does not tell the epay account's ``key``: it is handed over."""

    can_complete = True

    def __init__(self, api: Api, key: str) -> None:
        self.api = api
        self.key = key
        self._quota_per_unit = Decimal(QUOTA_PER_UNIT)

    def accounts(self) -> Sequence[Account]:
        options = self.api.options()
        self._quota_per_unit = Decimal(options.get("QuotaPerUnit") or QUOTA_PER_UNIT)
        config = {
            "pay_domain": options.get("PayAddress", ""),
            "partner_id": options.get("EpayId", ""),
            "key": self.key,
        }
        # Without the key no callback can be judged: none is called forged for that.
        return [GATEWAYS["epay"].account("epay", NOTIFY, config)] if all(config.values()) else []

    def orders(self, since: float) -> Iterator[Order]:
        # New API closes no order: what nobody paid in a day is done with.
        floor = min(since, time.time() - HORIZON)
        for row in self._pages(LIST):
            if row["create_time"] < floor:
                return
            yield self._order(row)

    def order(self, number: str) -> Order | None:
        rows = self._pages(f"{LIST}?keyword={quote(number, safe='')}")
        return next((self._order(row) for row in rows if row["trade_no"] == number), None)

    def credits(self, since: float) -> Iterator[Credit]:
        for row in self._pages(LIST):
            if row["create_time"] < min(since, time.time() - HORIZON):
                return
            if row["status"] == "success" and row["complete_time"] >= since:
                order = self._order(row)
                yield Credit(row["id"], order.user, order.quota, float(row["complete_time"]))

    def complete(self, number: str) -> str:
        answer = self.api.request("POST", f"{LIST}/complete", {"trade_no": number})
        return "completed" if answer.get("success") else str(answer.get("message"))

    def _order(self, row: Mapping[str, Any]) -> Order:
        status = STATUS.get(row["status"], Status.CLOSED)
        is_old = row["create_time"] < time.time() - HORIZON
        provider = row.get("payment_provider") or "epay"
        units = row["money"] if provider == "stripe" else row["amount"]
        return Order(
            number=str(row["trade_no"]),
            user=int(row["user_id"]),
            row=provider,
            money=round(Decimal(str(row["money"])), 2),
            currency="CNY" if provider == "epay" else "",
            quota=int(Decimal(str(units)) * self._quota_per_unit),
            status=Status.CLOSED if status is Status.PENDING and is_old else status,
            created=float(row["create_time"]),
        )

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
