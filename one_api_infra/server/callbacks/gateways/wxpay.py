"""WeChat Pay v3: JSON sealed by AES-GCM; its signature is refused after five minutes.

A callback counts as genuine if the APIv3 key opens it: only WeChat Pay and the merchant have that
key, and it does not change with the platform's certificates.
"""

import base64
import binascii
import json
import threading
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from one_api_infra.server.callbacks.gateways import rsa
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
from one_api_infra.shared.texts import N_

PROBE = "WECHATPAY/SIGNTEST/"  # WeChat tries whether signatures are checked at all
WAITING = frozenset({"NOTPAY", "USERPAYING", "ACCEPT"})
CLOSED = frozenset({"CLOSED", "REVOKED", "PAYERROR", "REFUND"})
TIMEOUT = 10
_clients: dict[str, Any] = {}
_lock = threading.Lock()


class Wxpay(Gateway):
    """WeChat Pay."""

    kind = "wxpay"
    title = N_("WeChat Pay")
    needed = (
        "app_id", "mch_id", "mch_certificate_serial_number", "mch_apiv3_key", "mch_private_key",
    )  # fmt: skip
    deadline = 300.0

    def account(self, row: str, path: str, config: Mapping[str, object]) -> Account:
        shown, secrets = split(config, "mch_apiv3_key", "mch_private_key")
        return Account(self.kind, row, shown.get("mch_id", ""), path, shown, secrets)

    def harms(self, config: Mapping[str, object]) -> bool:
        """One Hub and Done Hub end (log.Fatal) at a key that Go does not read as PKCS#8."""
        key = str(config.get("mch_private_key") or "")
        return bool(key.strip()) and not rsa.is_pkcs8(key)

    def claim(self, callback: Callback, account: Account) -> Claim | None:
        if not callback.headers.get("wechatpay-signature"):
            return None
        is_test = callback.headers["wechatpay-signature"].startswith(PROBE)
        opened = _opened(callback.body, account.reveal("mch_apiv3_key"))
        amount = opened.get("amount")
        amount = amount if isinstance(amount, dict) else {}
        return Claim(
            number=str(opened.get("out_trade_no", "")),
            gateway_number=str(opened.get("transaction_id", "")),
            money=_yuan(amount.get("total")),
            currency="",  # One Hub sends the row's bare number, whatever its currency
            merchant=str(opened.get("mchid", "")),
            is_paid=opened.get("trade_state") == "SUCCESS",
            is_genuine=bool(opened) and opened.get("mchid") == account.merchant,
            is_test=is_test,
        )

    def is_accepted(self, status: int, answer: bytes | None, length: int) -> bool:
        # One Hub answers 204; its 200 is "payment not found", which WeChat Pay takes for a yes.
        return status == 204 or (status == 200 and length == 0)

    def ask(self, account: Account, number: str, created: float) -> Reply:
        try:
            code, text = _client(account).query(out_trade_no=number)
            found = json.loads(text or "{}")
        except Exception as error:  # the library raises plain Exception, too
            raise AskError(type(error).__name__) from None
        return _reply(code, found, number)


def _client(account: Account) -> Any:
    """The account's client; each has to fetch the platform's certificates first."""
    from wechatpayv3 import WeChatPay, WeChatPayType  # noqa: PLC0415  # heavy, and for some alone

    with _lock:
        if account.row not in _clients:
            _clients[account.row] = WeChatPay(
                wechatpay_type=WeChatPayType.NATIVE,
                mchid=account.merchant,
                private_key=rsa.private_pem(account.reveal("mch_private_key")),
                cert_serial_no=account.public.get("mch_certificate_serial_number", ""),
                apiv3_key=account.reveal("mch_apiv3_key"),
                appid=account.public.get("app_id", ""),
                timeout=(TIMEOUT, TIMEOUT),
            )
        return _clients[account.row]


def _opened(body: bytes, key: str) -> dict[str, Any]:
    """What the resource holds; empty if the key does not open it."""
    try:
        resource = json.loads(body)["resource"]
        sealed = base64.b64decode(resource["ciphertext"])
        extra = str(resource.get("associated_data") or "").encode()
        nonce = str(resource["nonce"]).encode()
        opened = json.loads(AESGCM(key.encode()).decrypt(nonce, sealed, extra))
    except (InvalidTag, ValueError, KeyError, TypeError, binascii.Error, RecursionError):
        return {}
    return opened if isinstance(opened, dict) else {}


def _yuan(total: object) -> Any:
    """WeChat Pay counts in fen."""
    found = money(total) if total is not None else None
    return None if found is None else found / 100


def _reply(code: int, found: Mapping[str, Any], number: str) -> Reply:
    if code == 404 or found.get("code") == "ORDER_NOT_EXIST":
        return Reply(PaymentStatus.WAITING, number, detail=str(found.get("code", "404")))
    if code != 200:
        is_refused = code in (401, 403) or code >= 500
        status = PaymentStatus.SILENT if is_refused else PaymentStatus.UNKNOWN
        return Reply(status, number, detail=str(found.get("code", f"HTTP {code}")))
    state = str(found.get("trade_state") or "")
    status = PaymentStatus.PAID if state == "SUCCESS" else PaymentStatus.UNKNOWN
    status = (
        PaymentStatus.WAITING
        if state in WAITING
        else PaymentStatus.CLOSED
        if state in CLOSED
        else status
    )
    amount = found.get("amount") or {}
    return Reply(
        status,
        str(found.get("out_trade_no") or ""),
        str(found.get("transaction_id") or ""),
        _yuan(amount.get("total")),
        "",
        str(found.get("mchid") or ""),
        state,
    )
