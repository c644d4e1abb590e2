"""The APIs of Alipay, WeChat Pay and Stripe, as far as payments are asked for.

Run as ``python -m one_api_infra.lab.apis ADDRESS CA_DIRECTORY``; the lab's DNS leads the gateways'
names here. ``POST /lab/payment`` puts a payment in, ``POST /lab/keys`` the accounts' keys.
"""

import base64
import datetime
import json
import secrets
import ssl
import sys
import time
import warnings
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, cast
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from one_api_infra.lab import process
from one_api_infra.lab.ca import GATEWAY_NAMES
from one_api_infra.lab.gateways import SERIAL
from one_api_infra.server.callbacks.gateways import rsa as signatures

PORT = 443
ALIPAY, WXPAY, STRIPE = GATEWAY_NAMES
SILENCE = 30


class Handler(BaseHTTPRequestHandler):
    """One request, to whichever gateway its Host names."""

    protocol_version = "HTTP/1.1"
    payments: ClassVar[dict[str, dict[str, Any]]] = {}
    keys: ClassVar[dict[str, str]] = {}

    def do_POST(self) -> None:
        """What merchants order and ask, and what tests put in."""
        body = self._body()
        if self.path == "/lab/payment":
            found = json.loads(body)
            self.payments.setdefault(found["number"], {}).update(found)
            self._answer(b"{}")
        elif self.path == "/lab/keys":
            self.keys.update(json.loads(body))
            self._answer(b"{}")
        elif self.headers["Host"].startswith(STRIPE):
            self._answer(json.dumps(_made(self.path, body.decode(), self.keys)).encode())
        elif self.path == "/v3/pay/transactions/native":
            self._signed(json.dumps({"code_url": "weixin://wxpay/bizpayurl?pr=lab"}), 200)
        else:
            self._alipay({k: v[0] for k, v in parse_qs(body.decode()).items()})

    def do_GET(self) -> None:
        """WeChat Pay's certificates and orders, Stripe's sessions."""
        path = urlsplit(self.path).path
        if path == "/v1/webhook_endpoints":
            self._answer(json.dumps({"object": "list", "data": [], "has_more": False}).encode())
        elif self.headers["Host"].startswith(STRIPE):
            self._stripe()
        elif path == "/v3/certificates":
            self._signed(json.dumps({"data": [_certificate(self.keys)]}), 200)
        else:
            self._wxpay(path.rpartition("/")[2])

    def _body(self) -> bytes:
        """The request's body; Stripe's library sends it in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _payment(self, number: str) -> dict[str, Any] | None:
        found = self.payments.get(number)
        if found and found.get("silent"):
            time.sleep(SILENCE)
        return found

    def _alipay(self, asked: dict[str, str]) -> None:
        number = json.loads(asked["biz_content"])["out_trade_no"]
        paid = self._payment(number)
        inner: dict[str, str] = {"code": "40004", "sub_code": "ACQ.TRADE_NOT_EXIST"}
        if paid:
            inner = {"code": "10000", "out_trade_no": number, "trade_no": f"A{number}"}
            inner |= {"trade_status": "TRADE_SUCCESS", "total_amount": paid["money"]}
        text = json.dumps(inner)
        sign = signatures.sign(text, self.keys["alipay"])
        self._answer(f'{{"alipay_trade_query_response":{text},"sign":"{sign}"}}'.encode())

    def _wxpay(self, number: str) -> None:
        paid = self._payment(number)
        if not paid:
            self._signed(json.dumps({"code": "ORDER_NOT_EXIST"}), 404)
            return
        total = int(float(paid["money"]) * 100 + 0.5)
        found = {"mchid": paid["merchant"], "out_trade_no": number, "trade_state": "SUCCESS"}
        amount = {"total": total, "currency": "CNY"}
        self._signed(json.dumps({**found, "transaction_id": f"W{number}", "amount": amount}), 200)

    def _stripe(self) -> None:
        found = [
            {
                "id": f"cs_{number}",
                "object": "checkout.session",
                "client_reference_id": number,
                "payment_intent": f"pi_{number}",
                "payment_status": "paid",
                "status": "complete",
                "amount_total": int(float(paid["money"]) * 100 + 0.5),
                "currency": "usd",
            }
            for number, paid in self.payments.items()
            if paid.get("gateway") == "stripe"
        ]
        answer = {
            "object": "list",
            "data": found,
            "has_more": False,
            "url": "/v1/checkout/sessions",
        }
        self._answer(json.dumps(answer).encode())

    def _signed(self, text: str, status: int) -> None:
        """As WeChat Pay signs its answers."""
        stamp, nonce = str(int(time.time())), secrets.token_hex(8)
        sign = signatures.sign(f"{stamp}\n{nonce}\n{text}\n", self.keys["platform"])
        headers = {"Timestamp": stamp, "Nonce": nonce, "Serial": SERIAL, "Signature": sign}
        headers["Signature-Type"] = "WECHATPAY2-SHA256-RSA2048"
        named = {f"Wechatpay-{name}": value for name, value in headers.items()}
        self._answer(text.encode(), status, named)

    def _answer(
        self, body: bytes, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in (own | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def _made(path: str, body: str, keys: Mapping[str, str]) -> dict[str, Any]:
    """What Stripe makes of a merchant's order: a checkout session, or an endpoint for events."""
    if path == "/v1/webhook_endpoints":
        url = parse_qs(body)["url"][0]
        return {"id": "we_lab", "object": "webhook_endpoint", "url": url, "secret": keys["stripe"]}
    number = parse_qs(body)["client_reference_id"][0]
    made = {"id": f"cs_{number}", "object": "checkout.session", "client_reference_id": number}
    return made | {"url": f"https://checkout.lab.test/{number}"}


def _certificate(keys: Mapping[str, str]) -> dict[str, Any]:
    """The platform's certificate, sealed for the merchant."""
    loaded = serialization.load_pem_private_key(keys["platform"].encode(), None)
    platform = cast(rsa.RSAPrivateKey, loaded)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "platform")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    made = builder.public_key(platform.public_key()).sign(platform, hashes.SHA256())
    text = made.public_bytes(serialization.Encoding.PEM)
    sealed = AESGCM(keys["wxpay"].encode()).encrypt(b"0123456789ab", text, b"certificate")
    inner = {"algorithm": "AEAD_AES_256_GCM", "nonce": "0123456789ab"}
    inner |= {"associated_data": "certificate", "ciphertext": base64.b64encode(sealed).decode()}
    times = {"effective_time": (now - day).isoformat(), "expire_time": (now + day).isoformat()}
    return {"serial_no": SERIAL, "encrypt_certificate": inner, **times}


def tell(address: str, what: str, data: dict[str, Any]) -> None:
    """Put a payment or keys in."""
    url = f"https://{address}/lab/{what}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tests' own back door: its certificate names others
        with process.session() as here:
            reply = here.post(url, json=data, timeout=5, verify=False)
    reply.raise_for_status()


def main() -> None:
    """Serve until killed."""
    server = ThreadingHTTPServer((sys.argv[1], PORT), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = Path(sys.argv[2])
    context.load_cert_chain(folder / "https.pem", folder / "https.key")
    # The handshake belongs to a connection's own thread: one that is cut off in it holds up none.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    server.serve_forever()


if __name__ == "__main__":
    main()
