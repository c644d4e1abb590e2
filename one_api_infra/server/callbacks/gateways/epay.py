"""epay (彩虹易支付) and its clones: signed by MD5 (V1) or RSA (V2), asked over ``api.php``.

Sources: zxh1220/epay includes/functions.php, api.php, cron.php; its retries end after 55 minutes.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from one_api_infra.server.callbacks.gateways import client, rsa
from one_api_infra.server.callbacks.gateways.gateway import (
    Account,
    AskError,
    CallbackRequest,
    Claim,
    Gateway,
    PaymentStatus,
    Reply,
    money,
    split,
)
from one_api_infra.shared.callback import Callback
from one_api_infra.shared.texts import N_

PAID = "TRADE_SUCCESS"
UNSIGNED = frozenset({"sign", "sign_type"})
PAGE, PAGES = 50, 40  # orders of a list
REFUSED = {"-2", "-3"}  # another key (older releases say the first), or no such merchant
NEVER = ("", "0", "0000-00-00 00:00:00", "None", "null")


def text(parameters: Mapping[str, str]) -> str:
    """What is signed: the non-empty parameters in alphabetical order."""
    used = sorted((k, v) for k, v in parameters.items() if v and k not in UNSIGNED)
    return "&".join(f"{name}={value}" for name, value in used)


def sign(parameters: Mapping[str, str], key: str) -> str:
    """V1's signature."""
    return hashlib.md5((text(parameters) + key).encode(), usedforsecurity=False).hexdigest()


class Epay(Gateway):
    """epay."""

    kind = "epay"
    title = N_("epay")
    needed = ("pay_domain", "partner_id", "key")
    can_sign = True

    def account(self, row: str, path: str, config: Mapping[str, object]) -> Account:
        shown, secrets = split(config, "key", "private_key")
        return Account(self.kind, row, shown.get("partner_id", ""), path, shown, secrets)

    def claim(self, callback: Callback, account: Account) -> Claim | None:
        found = callback.parameters
        if not found.get("out_trade_no"):
            return None
        return Claim(
            number=found["out_trade_no"],
            gateway_number=found.get("trade_no", ""),
            money=money(found.get("money")),
            currency="",  # it names none, and there are epays for dollars
            merchant=found.get("pid", ""),
            is_paid=found.get("trade_status") == PAID,
            is_genuine=_is_plain(found)
            and _is_signed(found, account)
            and found.get("pid", "") == account.merchant,
        )

    def is_accepted(self, status: int, answer: bytes | None, length: int) -> bool:
        if answer is None:
            return status == 200 and length == len(b"success")
        return status == 200 and b"success" in answer.lower() and b"false" not in answer

    def ask(self, account: Account, number: str, created: float) -> Reply:
        return _told(_asked(account, number), account, number)

    def listed(self, account: Account, since: float) -> Iterator[Reply]:
        """V1's list (api.php: ``act=orders``); V2 has none for a merchant's key."""
        seen: set[str] = set()  # older releases know no offset, and tell the first page again
        for page in range(PAGES) if account.reveal("key") else ():
            query = {"act": "orders", "pid": account.merchant, "key": account.reveal("key")}
            found = _fetched(account, query | {"limit": str(PAGE), "offset": str(page * PAGE)})
            rows = found.get("data")
            if not isinstance(rows, list):
                raise AskError("no list")
            told = [_reply(row, account) for row in rows if isinstance(row, dict)]
            new = [each for each in told if each.number not in seen]
            yield from new
            seen.update(each.number for each in new)
            if len(rows) < PAGE or not new:
                return

    def callback_request(self, account: Account, reply: Reply) -> CallbackRequest | None:
        """What the gateway itself would send: One API's own lock goes by its ``trade_no``."""
        if not account.reveal("key"):
            return None
        parameters = {
            "pid": account.merchant,
            "trade_no": reply.gateway_number,
            "out_trade_no": reply.number,
            "type": account.public.get("pay_type", ""),
            "name": reply.number,
            "money": str(reply.money),
            "trade_status": PAID,
        }
        signed = {k: v for k, v in parameters.items() if v}
        signed |= {"sign": sign(signed, account.reveal("key")), "sign_type": "MD5"}
        return CallbackRequest("GET", f"{account.path}?{urlencode(signed)}")


def _told(found: Mapping[str, object], account: Account, number: str) -> Reply:
    code, words = str(found["code"]), str(found.get("msg", ""))[:200]
    if code in REFUSED:
        return Reply(PaymentStatus.SILENT, number, detail=words)
    if code not in {"1", "0"} or not found.get("out_trade_no", number):
        return Reply(PaymentStatus.UNKNOWN, number, detail=words)
    return _reply(found, account)


def _reply(found: Mapping[str, object], account: Account) -> Reply:
    return Reply(
        _status(found),
        str(found.get("out_trade_no") or ""),
        str(found.get("trade_no") or ""),
        money(found.get("money")),
        "",
        str(found.get("pid") or account.merchant),
        " ".join(f"{k}={found[k]}" for k in ("status", "trade_status", "endtime") if k in found),
    )


def _is_plain(found: Mapping[str, str]) -> bool:
    """Whether the signed text can be read in one way only, and names an amount.

    epay joins names and values as they are: ``money=1.00&name=A`` is one value or two.
    """
    signed = (value for name, value in found.items() if name not in UNSIGNED)
    is_clear = not any("&" in value or "=" in value for value in signed)
    return is_clear and money(found.get("money")) is not None


def _is_signed(found: Mapping[str, str], account: Account) -> bool:
    given = found.get("sign", "")
    if found.get("sign_type", "MD5").upper() == "RSA":
        return rsa.is_signed(text(found), given, account.public.get("public_key", ""))
    key = account.reveal("key")
    return bool(key) and hmac.compare_digest(sign(found, key).encode(), given.encode())


def _status(found: Mapping[str, object]) -> PaymentStatus:
    """Some epays answer ``status`` 1 for an order that waits: something else must say so too."""
    if str(found.get("status")) != "1":
        return (
            PaymentStatus.CLOSED
            if str(found.get("status")) in {"2", "3", "4"}
            else PaymentStatus.WAITING
        )
    stated = found.get("trade_status")
    if stated is not None:
        return PaymentStatus.PAID if stated == PAID else PaymentStatus.UNCLEAR
    return (
        PaymentStatus.PAID if str(found.get("endtime", "")) not in NEVER else PaymentStatus.UNCLEAR
    )


def _asked(account: Account, number: str) -> dict[str, object]:
    """V2 if the account has RSA keys, else V1: its key is a part of the URL, so none is shown."""
    try:
        if private := account.reveal("private_key"):
            fields = {
                "pid": account.merchant,
                "out_trade_no": number,
                "timestamp": str(int(time.time())),
            }
            signed = {**fields, "sign": rsa.sign(text(fields), private), "sign_type": "RSA"}
            answer = client.fetch("POST", f"{_base(account)}/api/pay/query", data=signed)
            return _object(answer)
    except (ValueError, RecursionError) as error:
        raise AskError(type(error).__name__) from None
    query = {"act": "order", "pid": account.merchant, "key": account.reveal("key")}
    return _fetched(account, query | {"out_trade_no": number})


def _base(account: Account) -> str:
    return account.public.get("pay_domain", "").rstrip("/")


def _fetched(account: Account, query: Mapping[str, str]) -> dict[str, object]:
    return _object(client.fetch("GET", f"{_base(account)}/api.php", params=query))


def _object(answer: client.HttpAnswer) -> dict[str, object]:
    """What epay itself says; a page, or a server without the query, says something else."""
    status = f"HTTP {answer.status}" if answer.status >= 400 else ""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError) as error:  # a body of brackets is the latter
        raise AskError(status or type(error).__name__) from None
    if not isinstance(found, dict) or "code" not in found:
        raise AskError(status or "no object")
    return found
