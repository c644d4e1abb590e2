"""Creem, of New API: an event that is signed by HMAC; it has no question by an order's number.

Sources: docs.creem.io (webhooks, signature verification); controller/topup_creem.go.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from one_api_infra.server.callbacks.gateways.gateway import Account, Claim, Gateway, money, split
from one_api_infra.shared.callback import Callback

COMPLETED = "checkout.completed"
HEADER = "creem-signature"
OURS = ("ref_", "sub_ref_")  # how New API's numbers begin (controller/topup_creem.go)


class Creem(Gateway):
    """Creem."""

    kind = "creem"
    title = "Creem"
    needed = ("webhook_secret",)
    asks = False
    is_completed = False  # it multiplies what is quota already (model/topup.go)
    currency = "USD"

    def account(self, row: str, path: str, config: Mapping[str, object]) -> Account:
        shown, secrets = split(config, "webhook_secret")
        return Account(self.kind, row, "", path, shown, secrets)

    def claim(self, callback: Callback, account: Account) -> Claim | None:
        given = callback.headers.get(HEADER)
        if not given:
            return None
        made = _completed(callback.body)
        number = str(made.get("request_id") or "")
        if number and not number.startswith(OURS):  # another shop's, of the same account
            return None
        order = _object(made.get("order"))
        cents = money(order.get("amount_paid"))
        return Claim(
            number=number,
            gateway_number=str(order.get("id") or ""),
            money=None if cents is None else cents / 100,
            currency=str(order.get("currency") or "").upper(),
            merchant="",
            is_paid=order.get("status") == "paid",
            is_genuine=_is_signed(given, callback.body, account.reveal("webhook_secret")),
            is_test=made.get("mode") == "test",
        )

    def is_accepted(self, status: int, answer: bytes | None, length: int) -> bool:
        return 200 <= status < 300


def _completed(body: bytes) -> dict[str, Any]:
    """The checkout of an event; empty for every other."""
    try:
        event = json.loads(body)
        found = event["object"] if event["eventType"] == COMPLETED else {}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return _object(found)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_signed(given: str, body: bytes, secret: str) -> bool:
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(secret) and given.isascii() and hmac.compare_digest(wanted, given)
