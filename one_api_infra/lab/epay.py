"""epay as a merchant's server sees it: payments that can be asked for, over V1's ``api.php``.

Run as ``python -m one_api_infra.lab.epay ADDRESS``. ``POST /lab/payment`` with a JSON object puts a
payment in (or changes one); fields that epay does not know are faults: ``silent`` answers nothing.
"""

import json
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from one_api_infra.lab import process

PORT = 8080
KEY = "epay-merchant-key-0123456789"
PARTNER = "1001"
UNPAID = {"status": 0, "endtime": None}
SILENCE = 30


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    payments: ClassVar[dict[str, dict[str, Any]]] = {}
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Put a payment in."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.payments.setdefault(body["out_trade_no"], {"pid": PARTNER, **UNPAID})
        known.update(body)
        self._answer(known)

    def do_GET(self) -> None:
        """``api.php?act=order``, and for tests what was asked."""
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        if url.path == "/lab/asked":
            self._answer(self.asked)
            return
        if url.path != "/api.php":  # BEpusdt has none, and says so in plain text
            self.send_error(404)
            return
        number = query.get("out_trade_no", "")
        self.asked.append(number)
        payment = self.payments.get(number)
        if payment and payment.get("silent"):
            time.sleep(SILENCE)
        if query.get("pid") != PARTNER or query.get("key") != KEY:
            self._answer({"code": -3, "msg": "商户ID或密钥错误"})
        elif query.get("act") == "orders":
            self._answer({"code": 1, "msg": "succ", "data": self._page(query)})
        elif payment is None:
            self._answer({"code": -1, "msg": "订单号不存在"})
        else:
            shown = {name: value for name, value in payment.items() if name != "silent"}
            self._answer({"code": 1, "msg": "succ", **shown})

    def _page(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """A part of the list, newest first (zxh1220/epay api.php)."""
        size, offset = int(query.get("limit", "10")), int(query.get("offset", "0"))
        return list(reversed(self.payments.values()))[offset : offset + size]

    def _answer(self, data: Any) -> None:
        body = json.dumps(data, ensure_ascii=False).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: the key stands in the query."""


def url(address: str, port: int = PORT) -> str:
    """What stands in the payment row."""
    return f"http://{address}:{port}"


def pay(address: str, order: Mapping[str, str], **faults: Any) -> None:
    """Let an order (as One API handed it out) be paid at the gateway."""
    payment = {
        "out_trade_no": order["out_trade_no"],
        "trade_no": f"G{order['out_trade_no']}",
        "money": order["money"],
        "status": 1,
        "endtime": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    with process.session() as here:
        reply = here.post(f"{url(address)}/lab/payment", json=payment | faults, timeout=5)
    reply.raise_for_status()


def main() -> None:
    """Serve until killed."""
    ThreadingHTTPServer((sys.argv[1], PORT), Handler).serve_forever()


if __name__ == "__main__":
    main()
