"""Alipay, WeChat Pay, Stripe and BEpusdt as a merchant's server meets them: signed callbacks.

Each knows how to make its payment row for One Hub, and what it sends when an order is paid. Keys
are made anew for each process.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from one_api_infra.server.callbacks.gateways import epay
from one_api_infra.server.callbacks.gateways import rsa as signatures
from one_api_infra.server.callbacks.gateways.stripe import COMPLETED

Order = Mapping[str, str]
SERIAL = "01"  # of the platform's certificate
STRIPE_VERSION = "2024-09-30.acacia"  # One Hub's library takes events of no other
FORM = "application/x-www-form-urlencoded; charset=GBK"


@dataclass(frozen=True)
class Call:
    """A callback as the gateway sends it."""

    body: bytes
    headers: Mapping[str, str]
    method: str = "POST"
    query: str = ""


def row(kind: str, currency: str, config: Mapping[str, str]) -> dict[str, Any]:
    """A payment row for One Hub."""
    text = json.dumps(config)
    fixed = {"icon": "", "notify_domain": "", "fixed_fee": 0, "percent_fee": 0, "sort": 0}
    return {
        **fixed,
        "type": kind,
        "name": kind,
        "currency": currency,
        "config": text,
        "enable": True,
    }


@dataclass(frozen=True)
class Alipay:
    """Alipay: a form in GBK, signed by RSA2."""

    app_id: str = "2021000000000001"

    @cached_property
    def key(self) -> rsa.RSAPrivateKey:
        """Alipay's key, and the merchant's too: the lab needs no two."""
        return rsa.generate_private_key(65537, 2048)

    @property
    def private(self) -> str:
        """The private key as people paste it."""
        kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return _bare(self.key.private_bytes(serialization.Encoding.DER, kind, plain))

    def payment_row(self) -> dict[str, Any]:
        """The row."""
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        public = _bare(self.key.public_key().public_bytes(serialization.Encoding.DER, kind))
        config = {"app_id": self.app_id, "private_key": self.private, "public_key": public}
        return row("alipay", "CNY", config | {"pay_type": "pagepay"})

    def call(self, order: Order, **changed: str) -> Call:
        """What is sent when the order is paid."""
        fields = {
            "app_id": self.app_id,
            "charset": "GBK",
            "notify_type": "trade_status_sync",
            "out_trade_no": order["out_trade_no"],
            "subject": "充值",
            "total_amount": order["money"],
            "trade_no": f"A{order['out_trade_no']}",
            "trade_status": "TRADE_SUCCESS",
        }
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields)).encode("gbk")
        fields |= {"sign": signatures.sign(text, self.private), "sign_type": "RSA2"} | changed
        pairs = (f"{k}={quote_from_bytes(v.encode('gbk'), safe='')}" for k, v in fields.items())
        return Call("&".join(pairs).encode(), {"Content-Type": FORM})


@dataclass(frozen=True)
class Wxpay:
    """WeChat Pay v3: JSON sealed with the merchant's APIv3 key."""

    merchant: str = "1900000001"
    key: str = field(default_factory=lambda: secrets.token_hex(16))

    @cached_property
    def platform(self) -> str:
        """The platform's private key, which signs callbacks and answers; and the merchant's."""
        key = rsa.generate_private_key(65537, 2048)
        kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return key.private_bytes(serialization.Encoding.PEM, kind, plain).decode()

    def payment_row(self) -> dict[str, Any]:
        """The row."""
        config = {
            "app_id": "wx0000000000000001",
            "mch_id": self.merchant,
            "mch_apiv3_key": self.key,
            "mch_certificate_serial_number": "0001",
            "mch_private_key": self.platform,
            "pay_type": "Native",
        }
        return row("wxpay", "CNY", config)

    def call(self, order: Order, **changed: str) -> Call:
        """What is sent when the order is paid."""
        fen = int(float(changed.pop("money", order["money"])) * 100 + 0.5)
        paid = {
            "mchid": self.merchant,
            "out_trade_no": order["out_trade_no"],
            "transaction_id": f"W{order['out_trade_no']}",
            "trade_state": "SUCCESS",
            "amount": {"total": fen, "currency": "CNY"},
        }
        nonce, extra = secrets.token_hex(6), "transaction"
        key = changed.get("key", self.key).encode()
        sealed = AESGCM(key).encrypt(nonce.encode(), json.dumps(paid).encode(), extra.encode())
        resource = {"algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": extra}
        body = {"event_type": "TRANSACTION.SUCCESS", "resource": resource}
        resource["ciphertext"] = _bare(sealed)
        text, stamp = json.dumps(body), str(int(time.time()))
        sign = signatures.sign(f"{stamp}\n{nonce}\n{text}\n", self.platform)
        signed = {"Timestamp": stamp, "Nonce": nonce, "Serial": SERIAL, "Signature": sign}
        headers = {f"Wechatpay-{name}": value for name, value in signed.items()}
        return Call(text.encode(), headers | {"Content-Type": "application/json"})


@dataclass(frozen=True)
class Stripe:
    """Stripe: an event signed with the endpoint's secret."""

    secret: str = field(default_factory=lambda: f"whsec_{secrets.token_hex(16)}")

    def payment_row(self) -> dict[str, Any]:
        """The row; the real One Hub fills in the endpoint's secret by asking Stripe."""
        return row("stripe", "USD", {"secret_key": "sk_test_lab", "webhook_secret": self.secret})

    def call(self, order: Order, **changed: str) -> Call:
        """What is sent when the order is paid."""
        session = {
            "client_reference_id": order["out_trade_no"],
            "payment_intent": f"pi_{order['out_trade_no']}",
            "payment_status": "paid",
            "amount_total": int(float(order["money"]) * 100 + 0.5),
            "currency": "usd",
        }
        event = {"id": f"evt_{order['out_trade_no']}", "object": "event", "type": COMPLETED}
        event |= {"api_version": STRIPE_VERSION}
        body = json.dumps({**event, "data": {"object": session}}).encode()
        stamp = str(int(time.time()))
        key = changed.get("key", self.secret).encode()
        sign = hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        header = {"Stripe-Signature": f"t={stamp},v1={sign}", "Content-Type": "application/json"}
        return Call(body, header)


@dataclass(frozen=True)
class Bepusdt:
    """BEpusdt (Epusdt is alike): an epay without ``api.php``, which names no kind of signature.

    Source: app/web/epay, app/web/notify of v1.22.6, and what that has sent.
    """

    pay_domain: str
    merchant: str = "1000"  # it takes no other
    key: str = field(default_factory=lambda: secrets.token_hex(16))

    def payment_row(self) -> dict[str, Any]:
        """The row: BEpusdt's ``auth_token`` is epay's key."""
        config = {"pay_domain": self.pay_domain, "partner_id": self.merchant, "key": self.key}
        return row("epay", "CNY", config | {"pay_type": "alipay"})

    def call(self, order: Order, **changed: str) -> Call:
        """What is sent when the order is paid: amounts without zeros at their end."""
        fields = {
            "money": f"{float(order['money']):g}",
            "name": order["name"],
            "out_trade_no": order["out_trade_no"],
            "pid": self.merchant,
            "trade_no": f"B{order['out_trade_no']}",
            "trade_status": "TRADE_SUCCESS",
            "type": "usdt.trc20",
        }
        signed = fields | {"sign": epay.sign(fields, changed.pop("key", self.key))} | changed
        return Call(
            b"", {"Powered-By": "https://github.com/v03413/bepusdt"}, "GET", urlencode(signed)
        )


def _bare(data: bytes) -> str:
    return base64.b64encode(data).decode()
