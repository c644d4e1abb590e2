"""Lines of the callback log, as nginx writes them; notifications, as gateways sign them."""

import base64
import json
from itertools import count
from typing import Any
from urllib.parse import urlencode

from one_api_infra.server.callbacks.gateways import epay
from one_api_infra.server.callbacks.gateways.gateway import Account
from one_api_infra.shared.secret import Secret

KEY = "epay-merchant-key-0123456789"
ROW = "0123456789abcdef"
PATH = f"/api/payment/notify/{ROW}"
ACCOUNT = Account("epay", ROW, "1001", PATH, {"pay_type": "alipay"}, {"key": Secret(KEY)})
_ids = count()


def line(uri: str = PATH, body: bytes = b"", **changed: Any) -> bytes:
    """A line; ``answer`` is what One API answered."""
    answer = changed.pop("answer", b"success")
    found = {
        "id": f"{next(_ids):032x}",
        "at": 1000.0,
        "client": "198.18.0.4",
        "method": "GET",
        "uri": uri,
        "gateway": "",
        "agent": "Mozilla/5.0",
        "type": "",
        "size": str(len(body)) if body else "",
        "body64": base64.b64encode(body).decode(),
        "status": 200,
        "bytes": len(answer),
        "answer16": answer.hex(),
        "seconds": "0.004",
        "request_id": "",
    }
    return json.dumps(found | changed).encode() + b"\n"


def callback_request(number: str, **changed: str) -> str:
    """epay's signed call for an order of 73.00."""
    fields = {
        "pid": "1001",
        "trade_no": f"G{number}",
        "out_trade_no": number,
        "type": "alipay",
        "name": "product",
        "money": "73.00",
        "trade_status": epay.PAID,
    }
    key = changed.pop("key", KEY)
    fields |= changed
    return f"{PATH}?{urlencode(fields | {'sign': epay.sign(fields, key), 'sign_type': 'MD5'})}"
