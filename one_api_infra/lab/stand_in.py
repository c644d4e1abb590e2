#!/usr/bin/python3
"""A stand-in for One Hub, for a lab where no real binary can be had. It is NOT One Hub.

One file, standard library only: the lab installs it where the real executable would be. It has
the same command line, environment, management API, database rows and callback behaviour, with
the hazards: the answer "success" does not wait for the credit, an amount is not compared, only
the query string is read, callbacks share the rate limit. ``tests/contract`` holds it to the real
one; written from facts about MartialBE/one-hub v0.14.27, without its code.
"""

import argparse
import gzip
import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
import socket
import sqlite3
import sys
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

NAME = "one-api-infra stand-in for One Hub"
VERSION = "v0.14.27-stand-in"
QUOTA_PER_UNIT = 500000
RATE = 7.3
CLOSE_SECONDS = 3 * 3600
UNAUTHORIZED = "无权进行此操作，未登录且未提供 access token"
BAD_TOKEN = "无权进行此操作，access token 无效"
BAD_LOGIN = "用户名或密码错误，或用户已被封禁"
BAD_PARAMETERS = "无效的参数"
PAGE = '<!doctype html><html><head><title>One Hub</title></head><body id="root"></body></html>'
SCHEMA = """
CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, username TEXT UNIQUE, password TEXT,
  role INTEGER, access_token TEXT, quota INTEGER, last_login_ip TEXT);
CREATE TABLE IF NOT EXISTS options (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS payments (id INTEGER PRIMARY KEY, type TEXT, uuid TEXT UNIQUE, name TEXT,
  icon TEXT, notify_domain TEXT, fixed_fee REAL, percent_fee REAL, currency TEXT, config TEXT,
  sort INTEGER, enable INTEGER, created_at INTEGER, updated_at INTEGER, deleted_at TEXT);
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, user_id INTEGER, gateway_id INTEGER,
  trade_no TEXT UNIQUE, gateway_no TEXT, amount INTEGER, order_amount REAL, order_currency TEXT,
  quota INTEGER, fee REAL, discount REAL, status TEXT, created_at INTEGER, updated_at INTEGER,
  deleted_at TEXT);
CREATE TABLE IF NOT EXISTS logs (id INTEGER PRIMARY KEY, user_id INTEGER, created_at INTEGER,
  type INTEGER, content TEXT, username TEXT, quota INTEGER, source_ip TEXT);
CREATE TABLE IF NOT EXISTS channels (id INTEGER PRIMARY KEY, name TEXT, type INTEGER, key TEXT,
  base_url TEXT, models TEXT);
CREATE TABLE IF NOT EXISTS tokens (id INTEGER PRIMARY KEY, user_id INTEGER, name TEXT, key TEXT);
"""
OPTIONS = {
    "ServerAddress": "http://localhost:3000",
    "SystemName": "One Hub",
    "PaymentUSDRate": str(RATE),
    "PaymentMinAmount": "1",
    "QuotaPerUnit": str(QUOTA_PER_UNIT),
}
PAYMENT_FIELDS = (
    "id type uuid name icon notify_domain fixed_fee percent_fee currency config sort enable"
    " created_at"
).split()
ORDER_FIELDS = (
    "id user_id gateway_id trade_no gateway_no amount order_amount order_currency quota fee"
    " discount status created_at"
).split()
DEFAULTS = {"icon": "", "notify_domain": "", "fixed_fee": 0, "percent_fee": 0, "sort": 0}


class Store:
    """The database, as One Hub's rows."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.local = threading.local()
        with self.db as db:
            db.executescript(SCHEMA)
            if not db.execute("SELECT 1 FROM users").fetchone():
                values = ("root", hashed("123456"), 100, uuid.uuid4().hex, 100000000)
                statement = "INSERT INTO users (username, password, role, access_token, quota)"
                db.execute(f"{statement} VALUES (?, ?, ?, ?, ?)", values)
        stored = self.rows("SELECT key, value FROM options")
        self.options = OPTIONS | {row["key"]: row["value"] for row in stored}

    @property
    def db(self) -> sqlite3.Connection:
        """A connection for each thread."""
        if not hasattr(self.local, "db"):
            self.local.db = sqlite3.connect(self.path, timeout=3)
            self.local.db.row_factory = sqlite3.Row
        connection: sqlite3.Connection = self.local.db
        return connection

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """The rows of a query."""
        return self.db.execute(query, values).fetchall()

    def write(self, statement: str, *values: Any) -> int:
        """One statement, committed by itself; the id of an inserted row."""
        with self.db as db:
            return db.execute(statement, values).lastrowid or 0


def hashed(password: str) -> str:
    """A salted hash."""
    salt = secrets.token_hex(8)
    return salt + hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1000).hex()


def is_password(password: str, stored: str) -> bool:
    """Whether a password has that hash."""
    salt, wanted = stored[:16], stored[16:]
    found = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1000).hex()
    return hmac.compare_digest(found, wanted)


def sign(parameters: dict[str, str], key: str) -> str:
    """epay V1's signature: MD5 over the sorted non-empty parameters and the key."""
    used = sorted((k, v) for k, v in parameters.items() if v and k not in {"sign", "sign_type"})
    text = "&".join(f"{k}={v}" for k, v in used) + key
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Limiter:
    """So many requests of an address in so many seconds; above that 429 with an empty body."""

    def __init__(self, count: int, seconds: int) -> None:
        self.count, self.seconds = count, seconds
        self.seen: dict[str, deque[float]] = defaultdict(deque)
        self.lock = threading.Lock()

    def allows(self, client: str) -> bool:
        """Count a request."""
        with self.lock:
            times, now = self.seen[client], time.monotonic()
            while times and now - times[0] > self.seconds:
                times.popleft()
            if len(times) >= max(self.count, 1):
                return False
            times.append(now)
            return True


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "stand-in"
    store: Store
    global_limit: Limiter
    login_limit = Limiter(20, 1200)
    gateways: dict[str, threading.Lock] = defaultdict(threading.Lock)
    started = int(time.time())
    session_secret = os.environ.get("SESSION_SECRET") or uuid.uuid4().hex

    def handle_one_request(self) -> None:
        """Any method, one route table."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length) if length else b""
        parts = urlsplit(self.path)
        self.route, self.query = parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))
        self.query_text = parts.query
        self.answer()
        self.wfile.flush()

    def client(self) -> str:
        """The client's address, as gin believes it."""
        trusted = os.environ.get("TRUSTED_HEADER", "")
        if trusted and self.headers.get(trusted):
            return str(self.headers[trusted])
        forwarded = self.headers.get("X-Forwarded-For") or self.headers.get("X-Real-IP")
        return forwarded.split(",")[0].strip() if forwarded else str(self.client_address[0])

    def answer(self) -> None:
        """Route the request."""
        if self.route.startswith("/api/") and not self.global_limit.allows(self.client()):
            self.reply(429, b"", "text/plain")
            return
        for method, pattern, role, action in ROUTES:
            match = re.fullmatch(pattern, self.route)
            if match and method in {self.command, "ANY"}:
                self.call(role, action, *match.groups())
                return
        if self.route in {"/api/option", "/api/payment"}:
            self.redirect(f"{self.route}/")
        elif self.route.startswith(("/api/user/", "/api/payment")):
            self.refuse(UNAUTHORIZED, 401)
        elif self.route.startswith(("/api/", "/v1/")):
            message = f"Invalid URL ({self.command} {self.route})"
            error = {"code": "", "message": message, "type": "invalid_request_error"}
            self.json({"error": error}, 404)
        else:
            self.reply(200, PAGE.encode(), "text/html; charset=utf-8")

    def call(self, role: int, action: Callable[..., None], *arguments: str) -> None:
        """Run an action for who may: a session, or an access token."""
        if role:
            user = self.user()
            if user is None:
                given = self.headers.get("Authorization")
                self.refuse(BAD_TOKEN if given else UNAUTHORIZED, 200 if given else 401)
                return
            self.current = user
        action(self, *arguments)

    def user(self) -> sqlite3.Row | None:
        """Who is logged in."""
        cookie = re.search(r"session=(\d+)\.([0-9a-f]+)", self.headers.get("Cookie") or "")
        if cookie and hmac.compare_digest(self.session(cookie[1]), cookie[0][8:]):
            return self.store.rows("SELECT * FROM users WHERE id = ?", int(cookie[1]))[0]
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        found = self.store.rows("SELECT * FROM users WHERE access_token = ?", token)
        return found[0] if token and found else None

    def session(self, identity: str) -> str:
        """A signed session."""
        key = self.session_secret.encode()
        return f"{identity}.{hmac.new(key, identity.encode(), hashlib.sha256).hexdigest()}"

    def data(self) -> dict[str, Any] | None:
        """The body as a JSON object."""
        try:
            body = json.loads(self.body)
        except ValueError:
            return None
        return body if isinstance(body, dict) else None

    def ok(self, data: Any = None, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Success, with data where there is some."""
        body = {"message": "", "success": True} | ({} if data is None else {"data": data})
        self.json(body, status, headers)

    def refuse(self, message: str, status: int = 200) -> None:
        """A refusal, which is HTTP 200 more often than not."""
        self.json({"message": message, "success": False}, status)

    def json(self, data: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """A JSON answer."""
        body = json.dumps(data, ensure_ascii=False).encode()
        self.reply(status, body, "application/json; charset=utf-8", headers)

    def redirect(self, location: str) -> None:
        """gin's redirect of a missing slash."""
        headers = {"Location": location}
        self.reply(301 if self.command == "GET" else 307, b"", "text/html", headers)

    def reply(
        self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        """Send an answer; compressed under /api if the client takes it, however short it is."""
        all_headers = {"Content-Type": kind, "X-Oneapi-Request-Id": secrets.token_hex(16)}
        accepts = "gzip" in (self.headers.get("Accept-Encoding") or "")
        if self.route.startswith("/api/") and accepts and body:
            body = gzip.compress(body)
            all_headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        self.send_response(status)
        for name, value in (all_headers | {"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """gin's line, to the journal."""
        line = {"path": self.route, "query": self.query_text, "ip": self.client()}
        print(f"GIN request {json.dumps(line | {'status': str(args[1])})}", flush=True)

    # Actions

    def status(self) -> None:
        """GET /api/status"""
        options = self.store.options
        self.ok(
            {
                "version": VERSION,
                "start_time": self.started,
                "system_name": options["SystemName"],
                "server_address": options["ServerAddress"],
                "quota_per_unit": QUOTA_PER_UNIT,
                "email_verification": False,
                "top_up_link": "",
                "PaymentUSDRate": float(options["PaymentUSDRate"]),
                "PaymentMinAmount": int(options["PaymentMinAmount"]),
                "stand_in": NAME,
            }
        )

    def login(self) -> None:
        """POST /api/user/login"""
        if not self.login_limit.allows(self.client()):
            self.reply(429, b"", "text/plain")
            return
        body = self.data()
        if not body or not body.get("username") or not body.get("password"):
            self.refuse(BAD_PARAMETERS)
            return
        found = self.store.rows("SELECT * FROM users WHERE username = ?", body["username"])
        if not found or not is_password(str(body["password"]), found[0]["password"]):
            self.refuse(BAD_LOGIN)
            return
        user = found[0]
        statement = "UPDATE users SET last_login_ip = ? WHERE id = ?"
        self.store.write(statement, self.client(), user["id"])
        cookie = f"session={self.session(str(user['id']))}; Path=/; Max-Age=2592000; HttpOnly"
        data = {"id": user["id"], "username": user["username"], "role": user["role"], "status": 1}
        self.ok(data, headers={"Set-Cookie": f"{cookie}; SameSite=Strict"})

    def myself(self) -> None:
        """GET /api/user/self"""
        fields = ("id", "username", "role", "quota", "access_token", "last_login_ip")
        self.ok({name: self.current[name] for name in fields})

    def change_password(self) -> None:
        """PUT /api/user/self"""
        password = str((self.data() or {}).get("password") or "")
        if not 8 <= len(password) <= 20:
            tag = "min" if len(password) < 8 else "max"
            error = f"Error:Field validation for 'Password' failed on the '{tag}' tag"
            self.refuse(f"输入不合法 Key: 'User.Password' {error}")
            return
        statement = "UPDATE users SET password = ? WHERE id = ?"
        self.store.write(statement, hashed(password), self.current["id"])
        self.ok()

    def new_token(self) -> None:
        """GET /api/user/token: a new one each time, the last one void."""
        token = uuid.uuid4().hex
        statement = "UPDATE users SET access_token = ? WHERE id = ?"
        self.store.write(statement, token, self.current["id"])
        self.ok(token)

    def options(self) -> None:
        """GET /api/option/"""
        hidden = ("Token", "Secret")
        shown = {k: v for k, v in self.store.options.items() if k in OPTIONS and not k.endswith(hidden)}
        self.ok([{"key": key, "value": value} for key, value in shown.items()])

    def set_option(self) -> None:
        """PUT /api/option/: success for an unknown key too."""
        body = self.data()
        if not body or not isinstance(body.get("value"), str):
            self.refuse(BAD_PARAMETERS, 400)
            return
        statement = "INSERT INTO options VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        self.store.write(statement, body["key"], body["value"])
        self.store.options[body["key"]] = body["value"]
        self.ok()

    def page(self, query: str, fields: list[str], *values: Any) -> None:
        """A page of rows, newest first."""
        size = int(self.query.get("size") or 10) or 10
        if size > 100:
            self.refuse("size 参数不能超过 100")
            return
        page = max(int(self.query.get("page") or 1), 1)
        rows = self.store.rows(f"{query} ORDER BY id DESC", *values)
        part = rows[(page - 1) * size : page * size]
        data = [shown(row, fields) for row in part]
        self.ok({"data": data, "page": page, "size": size, "total_count": len(rows)})

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
        identity = self.store.write(f"INSERT INTO payments ({names}) VALUES ({marks})", *row.values())
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
            self.store.write(f"UPDATE payments SET {assignments} WHERE id = ?", *values, body["id"])
        self.ok({"id": body["id"]} | {name: body.get(name) for name in chosen})

    def create_order(self) -> None:
        """POST /api/user/order: closes everybody's old pending orders, then asks the gateway."""
        body = self.data() or {}
        if not body.get("uuid") or int(body.get("amount") or 0) < 1:
            self.refuse("invalid request")
            return
        now = int(time.time())
        close = "UPDATE orders SET status = 'closed' WHERE status = 'pending' AND created_at < ?"
        self.store.write(close, now - CLOSE_SECONDS)
        row = self.payment(body["uuid"])
        if row is None:
            self.refuse("payment not found")
            return
        trade_no = str(time.time_ns())
        amount = int(body["amount"])
        money = round(amount * RATE, 2)
        config = json.loads(row["config"])
        origin = row["notify_domain"] or self.store.options["ServerAddress"]
        parameters = {
            "pid": config["partner_id"],
            "type": config.get("pay_type", ""),
            "out_trade_no": trade_no,
            "notify_url": f"{origin.removesuffix('/')}/api/payment/notify/{row['uuid']}",
            "return_url": f"{self.store.options['ServerAddress'].removesuffix('/')}/panel/log",
            "name": trade_no,
            "money": f"{money:.2f}",
        }
        parameters |= {"sign": sign(parameters, config["key"]), "sign_type": "MD5"}
        statement = (
            "INSERT INTO orders (user_id, gateway_id, trade_no, gateway_no, amount, order_amount,"
            " order_currency, quota, fee, discount, status, created_at)"
            " VALUES (?, ?, ?, '', ?, ?, ?, ?, 0, 0, 'pending', ?)"
        )
        quota = amount * QUOTA_PER_UNIT
        values = (row["id"], trade_no, amount, money, row["currency"], quota, now)
        self.store.write(statement, self.current["id"], *values)
        pay = {"url": f"{config['pay_domain'].rstrip('/')}/submit.php", "method": "POST"}
        self.ok({"trade_no": trade_no, "type": 1, "data": pay | {"params": parameters}})

    def payment(self, identity: str) -> sqlite3.Row | None:
        """An enabled payment row by its uuid."""
        query = "SELECT * FROM payments WHERE uuid = ? AND enable = 1 AND deleted_at IS NULL"
        found = self.store.rows(query, identity)
        return found[0] if found else None

    def notify(self, identity: str) -> None:
        """Any method on /api/payment/notify/UUID; only the query string is read."""
        row = self.payment(identity)
        if row is None:
            self.refuse("payment not found")
            return
        config = json.loads(row["config"])
        signed = hmac.compare_digest(sign(self.query, config["key"]), self.query.get("sign", ""))
        if not (signed and self.query.get("trade_status") == "TRADE_SUCCESS"):
            self.reply(200, b"fail", "text/plain; charset=utf-8")
            return
        # The answer is decided before the database is asked: an error there only logs.
        try:
            with self.gateways[self.query.get("trade_no", "")]:
                self.credit(self.query["out_trade_no"], self.query.get("trade_no", ""))
        except (KeyError, sqlite3.Error) as error:
            print(f"gateway callback failed to update order: {error}", flush=True)
        self.reply(200, b"success", "text/plain; charset=utf-8")

    def credit(self, trade_no: str, gateway_no: str) -> None:
        """Order, then quota, then log: three statements, no transaction."""
        found = self.store.rows("SELECT * FROM orders WHERE trade_no = ?", trade_no)
        if not found:
            print(f"gateway callback failed to find order, trade_no: {trade_no}", flush=True)
            return
        order = found[0]
        if order["status"] != "pending":
            return
        statement = "UPDATE orders SET status = 'success', gateway_no = ? WHERE id = ?"
        self.store.write(statement, gateway_no, order["id"])
        statement = "UPDATE users SET quota = quota + ? WHERE id = ?"
        self.store.write(statement, order["quota"], order["user_id"])
        content = f"在线充值成功，充值积分: {order['quota']}，支付金额：{order['order_amount']:.2f} CNY"
        statement = "INSERT INTO logs (user_id, created_at, type, content, username, source_ip)"
        values = (order["user_id"], int(time.time()), 1, content, "root", self.client())
        self.store.write(f"{statement} VALUES (?, ?, ?, ?, ?, ?)", *values)

    def order_status(self) -> None:
        """GET /api/user/order/status"""
        query = "SELECT status FROM orders WHERE trade_no = ?"
        found = self.store.rows(query, self.query.get("trade_no", ""))
        paid = bool(found) and found[0]["status"] == "success"
        self.json({"message": "", "success": paid})

    def orders(self) -> None:
        """GET /api/payment/order"""
        wanted = self.query.get("trade_no")
        where, values = (" WHERE trade_no = ?", [wanted]) if wanted else ("", [])
        self.page(f"SELECT * FROM orders{where}", ORDER_FIELDS, *values)

    def add_channel(self) -> None:
        """POST /api/channel/"""
        body = self.data() or {}
        statement = "INSERT INTO channels (name, type, key, base_url, models) VALUES (?, ?, ?, ?, ?)"
        values = (body["name"], body["type"], body["key"], body["base_url"], body["models"])
        self.store.write(statement, *values)
        self.ok()

    def add_token(self) -> None:
        """POST /api/token/"""
        statement = "INSERT INTO tokens (user_id, name, key) VALUES (?, ?, ?)"
        name = (self.data() or {}).get("name", "")
        self.store.write(statement, self.current["id"], name, secrets.token_hex(24))
        self.ok()

    def tokens(self) -> None:
        """GET /api/token/"""
        self.page("SELECT * FROM tokens", ["id", "name", "key"])

    def relay(self) -> None:
        """POST /v1/chat/completions: passed on to the channel of the model, as it comes."""
        key = (self.headers.get("Authorization") or "").removeprefix("Bearer ").removeprefix("sk-")
        if not self.store.rows("SELECT 1 FROM tokens WHERE key = ?", key):
            self.json({"error": {"message": "无效的令牌", "type": "one_hub_error"}}, 401)
            return
        model = str((self.data() or {}).get("model"))
        channels = self.store.rows("SELECT * FROM channels")
        channel = next((row for row in channels if model in row["models"].split(",")), None)
        if channel is None:
            self.json({"error": {"message": f"no channel for {model}"}}, 503)
            return
        upstream = http.client.HTTPConnection(urlsplit(channel["base_url"]).netloc, timeout=600)
        upstream.request("POST", self.route, self.body, {"Content-Type": "application/json"})
        answer = upstream.getresponse()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("X-Accel-Buffering", "no")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while chunk := answer.read1(65536):
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


def shown(row: sqlite3.Row, fields: list[str]) -> dict[str, Any]:
    """A row as its API shows it."""
    data = {name: row[name] for name in fields}
    return data | ({"enable": bool(row["enable"])} if "enable" in fields else {})


ROUTES: list[tuple[str, str, int, Callable[..., None]]] = [
    ("GET", "/api/status", 0, Handler.status),
    ("POST", "/api/user/login", 0, Handler.login),
    ("GET", "/api/user/self", 1, Handler.myself),
    ("PUT", "/api/user/self", 1, Handler.change_password),
    ("GET", "/api/user/token", 1, Handler.new_token),
    ("POST", "/api/user/order", 1, Handler.create_order),
    ("GET", "/api/user/order/status", 1, Handler.order_status),
    ("GET", "/api/option/", 100, Handler.options),
    ("PUT", "/api/option/", 100, Handler.set_option),
    ("GET", "/api/payment/", 10, Handler.payments),
    ("POST", "/api/payment/", 10, Handler.add_payment),
    ("PUT", "/api/payment/", 10, Handler.change_payment),
    ("GET", "/api/payment/order", 10, Handler.orders),
    ("ANY", "/api/payment/notify/([^/]+)", 0, Handler.notify),
    ("POST", "/api/channel/", 10, Handler.add_channel),
    ("POST", "/api/token/", 1, Handler.add_token),
    ("GET", "/api/token/", 1, Handler.tokens),
    ("POST", "/v1/chat/completions", 0, Handler.relay),
]


class Server(ThreadingHTTPServer):
    """On all interfaces, IPv4 and IPv6, as One API is."""

    address_family = socket.AF_INET6
    request_queue_size = 512
    daemon_threads = True


def main() -> None:
    """One Hub's command line and environment."""
    parser = argparse.ArgumentParser(description=NAME)
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 3000))
    parser.add_argument("--log-dir", default="./logs")
    parser.add_argument("--config", default="config.yaml")
    parser.add_argument("--version", action="version", version=VERSION)
    arguments = parser.parse_args()
    print(f"{NAME}: this is not One Hub", flush=True)
    if not os.environ.get("USER_TOKEN_SECRET"):
        sys.exit("[FATAL] failed to initialize user token: token_secret or hashids_salt is not set")
    Path(arguments.log_dir).mkdir(exist_ok=True)
    Handler.store = Store(os.environ.get("SQLITE_PATH") or "one-api.db")
    Handler.global_limit = Limiter(int(os.environ.get("GLOBAL_API_RATE_LIMIT") or 300), 180)
    Server(("::", arguments.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
