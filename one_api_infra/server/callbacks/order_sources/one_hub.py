"""One Hub's and Done Hub's orders: payment rows, orders, what the log says was credited."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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
    Status,
)
from one_api_infra.server.callbacks.order_sources.order_source import PAGE
from one_api_infra.shared.editions.api import Api, ApiError
from one_api_infra.shared.editions.edition import Edition

TOPUP, MANAGE = 1, 3  # the log's types of credits and of what administrators did
CREDITED = "在线充值成功"  # how One Hub's log line of a paid order begins (controller/order.go)
CORRECTED = "管理员增减用户额度"  # how its line of a changed quota begins (controller/user.go)
REMARK = re.compile(r", 备注: (.*)$", re.DOTALL)
NO_ROW, MANY = "none", 1_000_000  # of an order that cannot be made; the least amount is a setting


class OneHubOrders:
    """By the management API; One Hub completes no order, and each row holds its keys."""

    can_complete = False
    is_blind = False

    def __init__(self, api: Api, _keys: Mapping[str, str] | None) -> None:
        self.api = api
        self.edition = api.edition
        self.display = DOLLARS
        self._rows: dict[int, str] = {}

    def accounts(self) -> Sequence[Account]:
        rows = self.api.payments()
        unit = self.api.status().get("quota_per_unit")
        self.display = replace(DOLLARS, quota=Decimal(str(unit))) if unit else DOLLARS
        self._rows = {row["id"]: row["uuid"] for row in rows}
        return [found for row in rows if (found := _account(row, self.edition))]

    def orders(self, since: float) -> Iterator[Order]:
        for query in (f"start_timestamp={int(since)}", f"status={Status.PENDING.value}"):
            for row in self._pages(f"/api/payment/order?{query}&order=id"):
                yield self._order(row)

    def order(self, number: str) -> Order | None:
        path = f"/api/payment/order?trade_no={quote(number, safe='')}"
        return next((self._order(row) for row in self._pages(path)), None)

    def credits(self, since: float) -> Iterator[Credit]:
        path = f"/api/log/?log_type={TOPUP}&start_timestamp={int(since)}"
        for row in self._pages(path):
            if str(row["content"]).startswith(CREDITED):
                yield Credit(row["id"], row["user_id"], row["quota"], float(row["created_at"]))

    def credits_of(self, number: str) -> Sequence[Credit]:  # its log names none
        return ()

    def corrections(self, since: float) -> Iterator[Correction]:
        path = f"/api/log/?log_type={MANAGE}&start_timestamp={int(since)}"
        for row in self._pages(path):
            content = str(row["content"])
            if content.startswith(CORRECTED):
                found = REMARK.search(content)
                remark = found[1] if found else ""
                at = float(row["created_at"])
                yield Correction(row["id"], row["user_id"], row["quota"], at, remark)

    def is_gone(self, row: str) -> bool:
        return row not in self._rows.values()

    def close_overdue(self) -> None:
        # controller/order.go: CreateOrder closes what is three hours old, then looks at the row.
        self.api.request("POST", "/api/user/order", {"uuid": NO_ROW, "amount": MANY})

    def complete(self, number: str) -> str:
        raise ApiError("One Hub completes no order by itself")

    def _order(self, row: Mapping[str, Any]) -> Order:
        return Order(
            number=str(row["trade_no"]),
            user=int(row["user_id"]),
            row=self._rows.get(int(row["gateway_id"]), ""),
            money=Decimal(str(row["order_amount"])),
            currency=str(row["order_currency"]),
            quota=int(row["quota"]),
            status=Status(row["status"]),
            created=float(row["created_at"]),
            gateway_number=str(row["gateway_no"]),
        )

    def _pages(self, path: str) -> Iterator[Mapping[str, Any]]:
        page = 1
        while True:
            answer = self.api.request("GET", f"{path}&page={page}&size={PAGE}")
            if not answer.get("success"):
                raise ApiError(f"{path.partition('?')[0]}: {answer.get('message') or answer}")
            data = answer["data"]
            yield from data["data"] or []
            if page * PAGE >= data["total_count"] or not data["data"]:
                return
            page += 1


def _account(row: Mapping[str, Any], edition: Edition) -> Account | None:
    """The account of a payment row; None for a kind that the callback service does not know."""
    gateway = GATEWAYS.get(str(row["type"]))
    try:
        config = json.loads(row.get("config") or "{}")
    except ValueError:
        config = {}
    if gateway is None or not isinstance(config, dict):
        return None
    path = edition.callback_path(gateway.kind, str(row["uuid"]))
    found = gateway.account(str(row["uuid"]), path, config)
    title = f"{row['id']} {row.get('name') or row['type']}"
    return replace(found, is_enabled=bool(row["enable"]), title=title)
