"""Waffo, of New API: a notice that Waffo signs by RSA; New API's answer is signed in its turn.

Sources: waffo-go's utils (SHA256withRSA over the body, base64), controller/topup_waffo.go.
"""

import json
from collections.abc import Mapping
from typing import Any

from one_api_infra.server.callbacks.gateways import rsa
from one_api_infra.server.callbacks.gateways.gateway import Account, Claim, Gateway, money, split
from one_api_infra.shared.callback import Callback

PAYMENT, PAID = "PAYMENT_NOTIFICATION", "PAY_SUCCESS"
HEADER = "x-signature"


class Waffo(Gateway):
    """Waffo."""

    kind = "waffo"
    title = "Waffo"
    needed = ("public_key",)
    asks = False
    currency = "USD"

    def account(self, row: str, path: str, config: Mapping[str, object]) -> Account:
        shown, secrets = split(config)
        return Account(self.kind, row, "", path, shown, secrets)

    def claim(self, callback: Callback, account: Account) -> Claim | None:
        given = callback.headers.get(HEADER)
        if not given:
            return None
        told = _payment(callback.body)
        text = callback.body.decode("utf-8", "replace")
        return Claim(
            number=str(told.get("merchantOrderId") or ""),
            gateway_number=str(told.get("acquiringOrderId") or ""),
            money=money(told.get("orderAmount")),
            currency=str(told.get("orderCurrency") or "").upper(),
            merchant="",
            is_paid=told.get("orderStatus") == PAID,
            is_genuine=rsa.is_signed(text, given, account.public.get("public_key", "")),
        )

    def is_accepted(self, status: int, answer: bytes | None, length: int) -> bool:
        return status == 200 and answer is not None and b'"success"' in answer.lower()


def _payment(body: bytes) -> dict[str, Any]:
    """What is told of a payment; empty for every other notice."""
    try:
        event = json.loads(body)
        found = event["result"] if event["eventType"] == PAYMENT else {}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
