"""One Hub's manners on the wire: who may call, how it answers, whom it limits."""

import gzip
import hashlib
import hmac
import json
import os
import re
import secrets
import sqlite3
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from .store import IS_DONE_HUB, Store

UNAUTHORIZED = "无权进行此操作，未登录且未提供 access token"
BAD_TOKEN = "无权进行此操作，access token 无效"  # noqa: S105
BAD_PARAMETERS = "无效的参数"
PAGE = '<!doctype html><html><head><title>One Hub</title></head><body id="root"></body></html>'
Action = Callable[..., None]


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


class Connection(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "stand-in"
    store: Store
    global_limit: Limiter
    login_limit = Limiter(20, 1200)
    routes: ClassVar[list[tuple[str, str, bool, Action]]] = []
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

    def is_loopback(self) -> bool:
        """Whether the client is this machine itself."""
        return self.client().removeprefix("::ffff:").startswith(("127.", "::1"))

    def answer(self) -> None:
        """Route the request."""
        is_limited = self.route.startswith("/api/") and not (IS_DONE_HUB and self.is_loopback())
        if is_limited and not self.global_limit.allows(self.client()):
            self.reply(429, b"", "text/plain")
            return
        for method, pattern, role, action in self.routes:
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

    def call(self, role: bool, action: Action, *arguments: str) -> None:
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
            owner: sqlite3.Row = self.store.rows(
                "SELECT * FROM users WHERE id = ?", int(cookie[1])
            )[0]
            return owner
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

    def ok(
        self, data: Any = None, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
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
        for name, value in (
            all_headers | {"Content-Length": str(len(body))} | (headers or {})
        ).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """gin's line, to the journal."""
        line = {"path": self.route, "query": self.query_text, "ip": self.client()}
        print(f"GIN request {json.dumps(line | {'status': str(args[1])})}", flush=True)

    def page(self, query: str, fields: list[str], *values: Any) -> None:
        """A page of rows, newest first unless an order is asked for."""
        size = int(self.query.get("size") or 10) or 10
        if size > 100:
            self.refuse("size 参数不能超过 100")
            return
        page = max(int(self.query.get("page") or 1), 1)
        oldest_first = self.query.get("order") in {"id", "created_at"}
        rows = self.store.rows(f"{query} ORDER BY id {'' if oldest_first else 'DESC'}", *values)
        part = rows[(page - 1) * size : page * size]
        data = [shown(row, fields) for row in part]
        self.ok({"data": data, "page": page, "size": size, "total_count": len(rows)})


def shown(row: sqlite3.Row, fields: list[str]) -> dict[str, Any]:
    """A row as its API shows it."""
    data = {name: row[name] for name in fields}
    return data | ({"enable": bool(row["enable"])} if "enable" in fields else {})
