"""A payment gateway as epay's receivers know it: signs, calls once, trusts nothing.

It verifies the certificate against the roots it was given, follows no redirect, and takes as an
answer only the bytes that it got.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter

from one_api_infra.lab.stand_in.store import sign

AGENT = "Mozilla/5.0 (Windows NT 10.0; WOW64) Chrome/78.0.3904.108"
TIMEOUT = 5  # seconds: what epay waits


@dataclass(frozen=True)
class Reply:
    """What a receiver answered; ``body`` as it was on the wire, still compressed if it was."""

    status: int
    body: bytes
    encoding: str

    @property
    def is_accepted(self) -> bool:
        """Whether the gateway counts the callback as delivered."""
        return self.status == 200 and self.body.strip() == b"success"


@dataclass(frozen=True)
class Gateway:
    """A merchant's account at the gateway."""

    roots: Path
    pay_domain: str = "https://pay.lab.test"
    partner: str = "1001"
    key: str = "epay-merchant-key-0123456789"

    def payment_row(self, notify_domain: str = "") -> dict[str, object]:
        """A payment row for one-hub that uses this account."""
        config = {"pay_domain": self.pay_domain, "partner_id": self.partner}
        return {
            "type": "epay",
            "name": "epay",
            "icon": "",
            "notify_domain": notify_domain,
            "fixed_fee": 0,
            "percent_fee": 0,
            "currency": "CNY",
            "config": json.dumps(config | {"key": self.key, "pay_type": "alipay"}),
            "sort": 1,
            "enable": True,
        }

    def notification(self, order: Mapping[str, str]) -> dict[str, str]:
        """The signed parameters that report ``order`` (as One API handed it out) as paid."""
        parameters = {
            "pid": self.partner,
            "trade_no": f"G{order['out_trade_no']}",
            "out_trade_no": order["out_trade_no"],
            "type": order["type"],
            "name": order["name"],
            "money": order["money"],
            "trade_status": "TRADE_SUCCESS",
        }
        return parameters | {"sign": sign(parameters, self.key), "sign_type": "MD5"}

    def notify(self, url: str, order: Mapping[str, str], adapter: HTTPAdapter) -> Reply:
        """Call ``url`` once; requests' errors (TLS, time-out) are the caller's to see."""
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        reply = session.get(
            f"{url}?{urlencode(self.notification(order))}",
            headers={"User-Agent": AGENT, "Accept-Encoding": "gzip"},
            timeout=TIMEOUT,
            verify=str(self.roots),
            allow_redirects=False,
            stream=True,
        )
        body = reply.raw.read(decode_content=False)
        return Reply(reply.status_code, body, reply.headers.get("Content-Encoding", ""))
