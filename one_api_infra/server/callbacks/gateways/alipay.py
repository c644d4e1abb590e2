"""Alipay: a form, perhaps in GBK, signed by RSA2; asked by ``alipay.trade.query``.

One API must see Alipay's own signature, so a payment can be sent to it again only as it was
recorded: nobody else can sign one.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from one_api_infra.server.callbacks.gateways import client, rsa
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
from one_api_infra.shared.callback import Callback, fields
from one_api_infra.shared.texts import N_

PAID = frozenset({"TRADE_SUCCESS", "TRADE_FINISHED"})
CHARSETS = {"gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030"}
ENDPOINT = "https://openapi.alipay.com/gateway.do"
QUERY = "alipay.trade.query"
CHINA = 8 * 3600  # Alipay's clock, in seconds before UTC's


class Alipay(Gateway):
    """Alipay."""

    kind = "alipay"
    title = N_("Alipay")
    needed = ("app_id", "private_key", "public_key")

    def account(self, row: str, path: str, config: Mapping[str, object]) -> Account:
        shown, secrets = split(config, "private_key")
        return Account(self.kind, row, shown.get("app_id", ""), path, shown, secrets)

    def claim(self, callback: Callback, account: Account) -> Claim | None:
        found = parameters(callback)
        if not found.get("out_trade_no"):
            return None
        key = account.public.get("public_key", "")
        signed = rsa.is_signed(_signed_bytes(callback, found), found.get("sign", ""), key)
        return Claim(
            number=found["out_trade_no"],
            gateway_number=found.get("trade_no", ""),
            money=money(found.get("total_amount")),
            currency="",  # it names none, and One API's row may be in another
            merchant=found.get("app_id", ""),
            is_paid=found.get("trade_status") in PAID,
            is_genuine=signed and found.get("app_id") == account.merchant,
        )

    def is_accepted(self, status: int, answer: bytes | None, length: int) -> bool:
        # "failure" has as many bytes as "success": without its text it counts as not taken.
        return status == 200 and answer == b"success"

    def ask(self, account: Account, number: str, created: float) -> Reply:
        try:
            answer = client.fetch("POST", ENDPOINT, data=_question(account, number))
            found = _answered(answer.body, account)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise AskError(type(error).__name__) from None
        return _reply(found, account, number)


def _question(account: Account, number: str) -> dict[str, str]:
    fields = {
        "app_id": account.merchant,
        "method": QUERY,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + CHINA)),
        "version": "1.0",
        "biz_content": json.dumps({"out_trade_no": number}),
    }
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    return {**fields, "sign": rsa.sign(text, account.reveal("private_key"))}


def _answered(content: bytes, account: Account) -> dict[str, Any]:
    """The answer, if Alipay signed it: the bytes of its object as they came."""
    name = f"{QUERY.replace('.', '_')}_response"
    whole = json.loads(content)
    if name not in whole:  # "error_response": nothing was asked, so nothing is signed
        return dict(whole["error_response"])
    text = content.decode("utf-8", "replace")
    begin = text.index("{", text.index(name))
    _found, end = json.JSONDecoder().raw_decode(text, begin)
    key = account.public.get("public_key", "")
    if not rsa.is_signed(text[begin:end], str(whole["sign"]), key):
        raise ValueError("signature")
    return dict(whole[name])


def parameters(callback: Callback) -> dict[str, str]:
    """Query and form fields, each in its own charset; a form field wins over the query's."""
    query = callback.query.encode()
    found: dict[str, str] = {}
    for part in (query, callback.body):
        text = part.decode("latin-1")
        plain = fields(text, "latin-1")
        charset = CHARSETS.get(plain.get("charset", "").lower(), "utf-8")
        found |= fields(text, charset)
    return found


def _signed_bytes(callback: Callback, found: Mapping[str, str]) -> bytes:
    """What Alipay signed: the decoded values in the charset of the form."""
    charset = CHARSETS.get(found.get("charset", "").lower(), "utf-8")
    used = sorted((k, v) for k, v in found.items() if v and k not in {"sign", "sign_type"})
    return "&".join(f"{k}={v}" for k, v in used).encode(charset, "replace")


def _reply(found: Mapping[str, object], account: Account, number: str) -> Reply:
    state = str(found.get("trade_status") or "")
    if str(found.get("code")) != "10000":
        reason = str(found.get("sub_code") or found.get("msg") or "")
        # Before the payer scans the code Alipay does not know the order. What is no ACQ refuses.
        status = PaymentStatus.UNKNOWN if reason.startswith("ACQ.") else PaymentStatus.SILENT
        status = PaymentStatus.WAITING if reason == "ACQ.TRADE_NOT_EXIST" else status
        return Reply(status, number, detail=reason)
    kinds = {"WAIT_BUYER_PAY": PaymentStatus.WAITING, "TRADE_CLOSED": PaymentStatus.CLOSED}
    return Reply(
        PaymentStatus.PAID if state in PAID else kinds.get(state, PaymentStatus.UNKNOWN),
        str(found.get("out_trade_no") or ""),
        str(found.get("trade_no") or ""),
        money(found.get("total_amount")),
        "",
        account.merchant,
        state,
    )
