"""Stripe: a signed event; the signature is refused after five minutes.

One Hub answers 200 with nothing whatever happened, so that only the order tells what became of a
callback (payment/gateway/stripe/payment.go).
"""

import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from one_api_infra.server.callbacks.gateways.gateway import (
    Account,
    AskError,
    Claim,
    Gateway,
    PaymentStatus,
    Reply,
    money,
    split,
)
from one_api_infra.shared.callback import Callback

COMPLETED = "checkout.session.completed"
# Of what is paid days later; One Hub takes no other event than the first.
LATER = "checkout.session.async_payment_succeeded"
# What Stripe counts in whole units (docs.stripe.com/currencies#zero-decimal).
WHOLE = (
    *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV"),
    *("XAF", "XOF", "XPF"),
)
# A refund is its charge's, and no session's. A restricted key may not be allowed to see charges.
CHARGES = ["data.payment_intent.latest_charge"]
SKEW = 300  # seconds by which the clocks may differ
TIMEOUT = 10


class Stripe(Gateway):
    """Stripe."""

    kind = "stripe"
    title = "Stripe"
    needed = ("secret_key",)
    verified_by = ("webhook_secret",)
    deadline = 300.0
    currency = "USD"

    def account(self, row: str, path: str, config: Mapping[str, object]) -> Account:
        """``ours`` are the beginnings of One API's own numbers, where they are known."""
        shown, secrets = split(config, "secret_key", "webhook_secret")
        return Account(self.kind, row, "", path, shown, secrets)

    def claim(self, callback: Callback, account: Account) -> Claim | None:
        header = callback.headers.get("stripe-signature")
        if not header:
            return None
        ours = tuple(account.public.get("ours", "").split())
        session = _session(callback.body, (COMPLETED, *((LATER,) if ours else ())))
        number = str(session.get("client_reference_id") or "")
        if number and ours and not number.startswith(ours):
            return None  # another shop's: an endpoint is told all sales of its account
        return Claim(
            number=number,
            gateway_number=str(session.get("payment_intent") or ""),
            money=_units(session),
            currency=str(session.get("currency") or "").upper(),
            merchant="",
            is_paid=session.get("payment_status") == "paid",
            is_genuine=_is_signed(header, callback.body, account.reveal("webhook_secret")),
        )

    def is_accepted(self, status: int, answer: bytes | None, length: int) -> bool:
        return 200 <= status < 300 and length == 0

    def ask(self, account: Account, number: str, created: float) -> Reply:
        # It is made just before the order's row.
        window = {"gte": int(created) - SKEW, "lte": int(created) + SKEW}
        for session in _sessions(account, window):
            if session.get("client_reference_id") == number:
                return _reply(session, number)
        return Reply(PaymentStatus.WAITING, number, detail="no session")

    def listed(self, account: Account, since: float) -> Iterator[Reply]:
        for session in _sessions(account, {"gte": int(since)}):
            if number := str(session.get("client_reference_id") or ""):
                yield _reply(session, number)


def _sessions(account: Account, window: Any) -> Iterator[dict[str, Any]]:
    """Checkout sessions that were made in a window, newest first. AskError if it does not tell."""
    import stripe  # noqa: PLC0415  # heavy, and needed for some sites alone

    # Its own roots are all it trusts, unless it is told as everything else is told.
    stripe.ca_bundle_path = os.environ.get("REQUESTS_CA_BUNDLE", stripe.ca_bundle_path)
    stripe.enable_telemetry = False  # a file in the home, and an id in every question
    client = stripe.StripeClient(
        account.reveal("secret_key"), http_client=stripe.RequestsClient(timeout=TIMEOUT)
    )
    try:
        sessions = client.v1.checkout.sessions
        try:
            found = sessions.list({"created": window, "limit": 100, "expand": CHARGES})
        except stripe.PermissionError:
            found = sessions.list({"created": window, "limit": 100})
        for session in found.auto_paging_iter():
            yield session.to_dict()
    except stripe.StripeError as error:
        raise AskError(type(error).__name__) from None


def _session(body: bytes, types: Sequence[str]) -> dict[str, Any]:
    """The checkout session of an event of these types; empty for every other."""
    try:
        event = json.loads(body)
        found = event["data"]["object"] if event["type"] in types else {}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_signed(header: str, body: bytes, secret: str) -> bool:
    """As Stripe signs, but for the age: a callback is judged long after it came."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    stamp = next((value for name, _eq, value in parts if name == "t"), "")
    wanted = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    given = [value for name, _eq, value in parts if name == "v1"]
    return bool(secret) and any(
        hmac.compare_digest(wanted, each) for each in given if each.isascii()
    )


def _units(session: Mapping[str, Any]) -> Decimal | None:
    """Stripe counts in the smallest unit of the currency."""
    total = session.get("amount_total")
    found = money(total) if total is not None else None
    whole = str(session.get("currency") or "").upper() in WHOLE
    return found if found is None or whole else found / 100


def _reply(session: Mapping[str, Any], number: str) -> Reply:
    intent = session.get("payment_intent") or ""
    known = intent if isinstance(intent, dict) else {"id": intent}
    charge = known.get("latest_charge")
    is_refunded = isinstance(charge, dict) and charge.get("refunded") is True
    state = "refunded" if is_refunded else str(session.get("payment_status") or "")
    is_over = is_refunded or session.get("status") == "expired"
    status = (
        PaymentStatus.PAID
        if state == "paid"
        else PaymentStatus.CLOSED
        if is_over
        else PaymentStatus.WAITING
    )
    return Reply(
        status,
        number,
        str(known.get("id") or ""),
        _units(session),
        str(session.get("currency") or "").upper(),
        "",
        state,
    )
