"""Payment rows, orders, and the callback that credits them."""

import hmac
import json
import sqlite3
import threading
import time
import uuid
from collections import defaultdict
from typing import ClassVar
from urllib.parse import parse_qsl

from . import gateways
from .connection import Connection, shown
from .store import IS_DONE_HUB, QUOTA_PER_UNIT, RATE, sign

CLOSE_SECONDS = 3 * 3600
TEXT = "text/plain; charset=utf-8"
COLD = {"alipay": (500, b"", TEXT), "wxpay": (400, b'{"code":"FAIL"}', "application/json")}
PaymentStatus = tuple[int, bytes, str]
Taken = tuple[tuple[str, str] | None, PaymentStatus, PaymentStatus]
PAYMENT_FIELDS = [
    "id",
    "type",
    "uuid",
    "name",
    "icon",
    "notify_domain",
    "fixed_fee",
    "percent_fee",
    "currency",
    "config",
    "sort",
    "enable",
    "created_at",
]
ORDER_FIELDS = [
    "id",
    "user_id",
    "gateway_id",
    "trade_no",
    "gateway_no",
    "amount",
    "order_amount",
    "order_currency",
    "quota",
    "fee",
    "discount",
    "status",
    "created_at",
]
LOG_FIELDS = ["id", "user_id", "created_at", "type", "content", "username", "quota"]
DEFAULTS = {"icon": "", "notify_domain": "", "fixed_fee": 0, "percent_fee": 0, "sort": 0}


class Payments(Connection):
    """What users and gateways call."""

    locks: ClassVar[dict[str, threading.Lock]] = defaultdict(threading.Lock)
    warm: ClassVar[set[str]] = set()

    def payments(self) -> None:
        """GET /api/payment/"""
        self.page("SELECT * FROM payments WHERE deleted_at IS NULL", PAYMENT_FIELDS)

    def add_payment(self) -> None:
        """POST /api/payment/"""
        body = self.data() or {}
        if body.get("type") not in {"epay", "alipay", "wxpay", "stripe"}:
            self.refuse("payment gateway not found", 500)
            return
        now = int(time.time())
        row = DEFAULTS | {k: body[k] for k in PAYMENT_FIELDS if k in body}
        row |= {"uuid": uuid.uuid4().hex, "created_at": now, "updated_at": now}
        names = ", ".join(row)
        marks = ", ".join("?" for _name in row)
        identity = self.store.write(
            f"INSERT INTO payments ({names}) VALUES ({marks})",  # noqa: S608  # our own names
            *row.values(),
        )
        added = self.store.rows("SELECT * FROM payments WHERE id = ?", identity)[0]
        body = {"data": shown(added, PAYMENT_FIELDS), "message": "Payment added successfully"}
        self.json(body | {"success": True}, 201)

    def change_payment(self) -> None:
        """PUT /api/payment/: without a uuid only what is not empty."""
        body = self.data() or {}
        if not body.get("id"):
            self.refuse("WHERE conditions required")
            return
        whole = bool(body.get("uuid"))
        fields = [name for name in PAYMENT_FIELDS if name not in {"id", "created_at"}]
        chosen = [name for name in fields if whole or body.get(name) or body.get(name) is False]
        if chosen:
            assignments = ", ".join(f"{name} = ?" for name in chosen)
            values = [body.get(name, "") for name in chosen]
            statement = f"UPDATE payments SET {assignments} WHERE id = ?"  # noqa: S608
            self.store.write(statement, *values, body["id"])
        self.ok({"id": body["id"]} | {name: body.get(name) for name in chosen})

    def delete_payment(self, identity: str) -> None:
        """DELETE /api/payment/ID: the row stays, and nobody finds it."""
        self.store.write("UPDATE payments SET deleted_at = 1 WHERE id = ?", int(identity))
        self.ok()

    def create_order(self) -> None:
        """POST /api/user/order: closes everybody's old pending orders, then asks the gateway."""
        body = self.data() or {}
        if not body.get("uuid") or int(body.get("amount") or 0) < 1:
            self.refuse("invalid request")
            return
        close = "UPDATE orders SET status = 'closed' WHERE status = 'pending' AND created_at < ?"
        self.store.write(close, int(time.time()) - CLOSE_SECONDS)
        row = self.payment(body["uuid"])
        if row is None:
            self.refuse("payment not found")
            return
        trade_no, amount = str(time.time_ns()), int(body["amount"])
        money = round(amount * (RATE if row["currency"] == "CNY" else 1), 2)
        self.keep_order(row, trade_no, amount, money)
        self.warm.add(row["type"])
        if row["type"] != "epay":
            self.ok(self.handed(row, trade_no, money))
            return
        pay_domain = json.loads(row["config"])["pay_domain"].rstrip("/")
        pay = {"url": f"{pay_domain}/submit.php", "method": "POST"}
        params = self.submission(row, trade_no, money)
        self.ok({"trade_no": trade_no, "type": 1, "data": {**pay, "params": params}})

    def handed(self, row: sqlite3.Row, trade_no: str, money: float) -> dict[str, object]:
        """What the payer's page gets of the other gateways: a link, or the text of a QR code."""
        fields = {"out_trade_no": trade_no, "money": f"{money:.2f}", "notify_url": self.url(row)}
        if row["type"] == "alipay":
            address = self.store.options["ServerAddress"].removesuffix("/")
            form = {**fields, "return_url": f"{address}/panel/log"}
            data = {"url": "https://openapi.alipay.com/gateway.do", "method": "GET"}
            return {"trade_no": trade_no, "type": 1, "data": {**data, "params": form}}
        is_code = row["type"] == "wxpay"
        pay = "weixin://wxpay/bizpayurl?pr=" if is_code else "https://checkout.lab.test/"
        data = {"url": f"{pay}{trade_no}"}
        kind = 2 if is_code else 1
        return {"trade_no": trade_no, "type": kind, "data": {**data, "params": fields}}

    def keep_order(self, row: sqlite3.Row, trade_no: str, amount: int, money: float) -> None:
        """The order as it waits for the gateway."""
        statement = (
            "INSERT INTO orders (user_id, gateway_id, trade_no, gateway_no, amount, order_amount,"
            " order_currency, quota, fee, discount, status, created_at)"
            " VALUES (?, ?, ?, '', ?, ?, ?, ?, 0, 0, 'pending', ?)"
        )
        quota, now = amount * QUOTA_PER_UNIT, int(time.time())
        values = (row["id"], trade_no, amount, money, row["currency"], quota, now)
        self.store.write(statement, self.current["id"], *values)

    def submission(self, row: sqlite3.Row, trade_no: str, money: float) -> dict[str, str]:
        """The signed parameters with which the payer is sent to the gateway."""
        config, address = json.loads(row["config"]), self.store.options["ServerAddress"]
        parameters = {
            "pid": config["partner_id"],
            "type": config.get("pay_type", ""),
            "out_trade_no": trade_no,
            "notify_url": self.url(row),
            "return_url": f"{address.removesuffix('/')}/panel/log",
            "name": trade_no,
            "money": f"{money:.2f}",
        }
        return parameters | {"sign": sign(parameters, config["key"]), "sign_type": "MD5"}

    def url(self, row: sqlite3.Row) -> str:
        """Where the gateway is told to call."""
        options = self.store.options
        own = options.get("PaymentCallbackAddress") if IS_DONE_HUB else ""
        origin = own or row["notify_domain"] or options["ServerAddress"]
        is_common = IS_DONE_HUB and row["type"] == "epay"
        path = "/api/user/epay/notify" if is_common else f"/api/payment/notify/{row['uuid']}"
        return f"{origin.removesuffix('/')}{path}"

    def payment(self, identity: str) -> sqlite3.Row | None:
        """An enabled payment row by its uuid."""
        query = "SELECT * FROM payments WHERE uuid = ? AND enable = 1 AND deleted_at IS NULL"
        found = self.store.rows(query, identity)
        return found[0] if found else None

    def notify(self, identity: str) -> None:
        """Any method on /api/payment/notify/UUID; ``take_TYPE`` reads it."""
        row = self.payment(identity)
        if row is None:
            self.refuse("payment not found")
            return
        kind, config = str(row["type"]), json.loads(row["config"])
        is_cold = kind in COLD and kind not in self.warm
        if is_cold and not (IS_DONE_HUB and kind == "alipay"):
            # Its client is made with the first order of this process.
            self.reply(*COLD[kind])
            return
        try:
            paid, yes, no = getattr(self, f"take_{kind}")(config)
        except (TypeError, KeyError):
            self.reply(500, b"", TEXT)
            return
        if paid is None:
            self.reply(*no)
            return
        # The answer is decided before the database is asked: an error there only logs.
        try:
            with self.locks[paid[1]]:
                self.credit(*paid)
        except sqlite3.Error as error:
            print(f"gateway callback failed to update order: {error}", flush=True)
        self.reply(*yes)

    def epay_notify(self) -> None:
        """GET /api/user/epay/notify of Done Hub: what is credited was read before the lock."""
        query = (
            "SELECT orders.*, payments.config FROM orders JOIN payments"
            " ON payments.id = orders.gateway_id WHERE trade_no = ? AND payments.deleted_at IS NULL"
        )
        found = self.store.rows(query, self.query.get("out_trade_no", ""))
        if not IS_DONE_HUB or not found:
            self.reply(200, b"fail", TEXT)
            return
        paid, yes, no = self.take_epay(json.loads(found[0]["config"]))
        if paid is None:
            self.reply(*no)
            return
        try:
            with self.locks[paid[1]]:
                self.credit_order(found[0], paid[1])
        except sqlite3.Error as error:
            print(f"epay callback failed to update order: {error}", flush=True)
        self.reply(*yes)

    def take_epay(self, config: dict[str, str]) -> Taken:
        """Only the query string is read."""
        signed = hmac.compare_digest(sign(self.query, config["key"]), self.query.get("sign", ""))
        is_paid = signed and self.query.get("trade_status") == "TRADE_SUCCESS"
        paid = (self.query["out_trade_no"], self.query.get("trade_no", "")) if is_paid else None
        return paid, (200, b"success", TEXT), (200, b"fail", TEXT)

    def take_alipay(self, config: dict[str, str]) -> Taken:
        """Query and form together."""
        plain = self.body.decode("latin-1")
        charset = "gb18030" if "CHARSET=GB" in plain.upper() else "utf-8"
        form = dict(parse_qsl(plain, keep_blank_values=True, encoding=charset))
        paid = gateways.alipay(self.query | form, config)
        return paid, (200, b"success", TEXT), (200, b"failure", TEXT)

    def take_wxpay(self, config: dict[str, str]) -> Taken:
        """204, or 400 with a reason."""
        try:
            paid = gateways.wxpay(self.headers, self.body, config)
        except (ValueError, KeyError) as error:
            body = json.dumps({"code": "FAIL", "message": str(error)}).encode()
            return None, (204, b"", TEXT), (400, body, "application/json")
        return paid, (204, b"", TEXT), (204, b"", TEXT)

    def take_stripe(self, config: dict[str, str]) -> Taken:
        """200 with nothing, whatever happened."""
        paid = gateways.stripe(self.headers.get("Stripe-Signature") or "", self.body, config)
        return paid, (200, b"", TEXT), (200, b"", TEXT)

    def credit(self, trade_no: str, gateway_no: str) -> None:
        """Order, then quota, then log: three statements, no transaction."""
        found = self.store.rows("SELECT * FROM orders WHERE trade_no = ?", trade_no)
        if not found:
            print(f"gateway callback failed to find order, trade_no: {trade_no}", flush=True)
            return
        self.credit_order(found[0], gateway_no)

    def credit_order(self, order: sqlite3.Row, gateway_no: str) -> None:
        """What was read as pending becomes a success."""
        if order["status"] != "pending":
            return
        statement = "UPDATE orders SET status = 'success', gateway_no = ? WHERE id = ?"
        self.store.write(statement, gateway_no, order["id"])
        statement = "UPDATE users SET quota = quota + ? WHERE id = ?"
        self.store.write(statement, order["quota"], order["user_id"])
        content = (
            f"在线充值成功，充值积分: {order['quota']}，支付金额：{order['order_amount']:.2f} CNY"
        )
        statement = (
            "INSERT INTO logs (user_id, created_at, type, content, username, quota, source_ip)"
        )
        values = (order["user_id"], int(time.time()), 1, content, "root", order["quota"])
        self.store.write(f"{statement} VALUES (?, ?, ?, ?, ?, ?, ?)", *values, self.client())

    def order_status(self) -> None:
        """GET /api/user/order/status"""
        query = "SELECT status FROM orders WHERE trade_no = ?"
        found = self.store.rows(query, self.query.get("trade_no", ""))
        paid = bool(found) and found[0]["status"] == "success"
        self.json({"message": "", "success": paid})

    def orders(self) -> None:
        """GET /api/payment/order"""
        self.filtered("orders", ORDER_FIELDS, {"trade_no": "trade_no", "status": "status"})

    def logs(self) -> None:
        """GET /api/log/"""
        self.filtered("logs", LOG_FIELDS, {"log_type": "type"})

    def filtered(self, table: str, fields: list[str], filters: dict[str, str]) -> None:
        """Rows by equal columns and from a time on."""
        chosen = {f"{column} = ?": self.query[name] for name, column in filters.items()
                  if self.query.get(name)}  # fmt: skip
        if self.query.get("start_timestamp"):
            chosen["created_at >= ?"] = self.query["start_timestamp"]
        where = f" WHERE {' AND '.join(chosen)}" if chosen else ""
        self.page(f"SELECT * FROM {table}{where}", fields, *chosen.values())  # noqa: S608
