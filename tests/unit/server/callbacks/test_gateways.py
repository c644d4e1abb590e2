"""What each gateway's callback says, and whom it is believed."""

import base64
import hashlib
import hmac
import json
from decimal import Decimal
from urllib.parse import quote_from_bytes

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa as rsa_keys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.server.callbacks.gateways import GATEWAYS, alipay, epay, rsa, stripe, wxpay
from one_api_infra.server.callbacks.gateways.client import HttpAnswer
from one_api_infra.server.callbacks.gateways.gateway import (
    Account,
    AskError,
    Claim,
    PaymentStatus,
    Reply,
)
from one_api_infra.shared import silence
from one_api_infra.shared.callback import Callback, parse
from tests.unit.server.callbacks.lines import ACCOUNT, KEY, PATH, callback_request, line

PRIVATE = rsa_keys.generate_private_key(65537, 2048)
PRIVATE_TEXT = base64.b64encode(
    PRIVATE.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
).decode()
PUBLIC_TEXT = base64.b64encode(
    PRIVATE.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
).decode()
APIV3 = "0123456789abcdef0123456789abcdef"
WHSEC = "whsec_0123456789"
FORM = {"type": "application/x-www-form-urlencoded", "method": "POST"}


def called(uri: str = PATH, body: bytes = b"", **changed: object) -> Callback:
    found = parse(line(uri, body, **changed))
    assert found
    return found


def account(kind: str, **config: str) -> Account:
    return GATEWAYS[kind].account("row", PATH, config)


def said(kind: str, callback: Callback, known: Account) -> Claim:
    found = GATEWAYS[kind].claim(callback, known)
    assert found
    return found


def test_epay_v1() -> None:
    found = said("epay", called(callback_request("1", money="73")), ACCOUNT)
    assert found.is_genuine
    assert found.is_paid
    assert (found.number, found.gateway_number) == ("1", "G1")
    assert found.money == Decimal("73.00")
    assert (found.currency, found.merchant) == ("", "1001")


@pytest.mark.parametrize(
    ("text", "key", "signature"),
    [
        # BEpusdt, docs/api.md; Epusdt, wiki/API.md: their own rule is epay's.
        (
            "order_id=20220201030210321&amount=42&notify_url=http://example.com/notify"
            "&redirect_url=http://example.com/redirect",
            "epusdt_password_xasddawqe",
            "1cd4b52df5587cfb1968b0c0c6e156cd",
        ),
        (
            "pid=1000&order_id=ORD202605230001&currency=cny&token=usdt&network=tron&amount=100"
            "&notify_url=https://merchant.example/notify"
            "&redirect_url=https://merchant.example/return&name=VIP",
            "epusdt_secret_key",
            "476412c422f4dd75c3d533f5c47a9cac",
        ),
    ],
)
def test_epay_signs_as_the_documented_examples(text: str, key: str, signature: str) -> None:
    fields = dict(each.split("=", 1) for each in text.split("&"))
    assert epay.sign(fields, key) == signature
    assert epay.sign(fields | {"pid": "1001"}, key) != signature


def test_bepusdt_calls_without_a_kind_of_signature() -> None:
    """What BEpusdt v1.22.6 has sent for an order of 5.50."""
    query = (
        "money=5.5&name=ABC123&out_trade_no=NO1&pid=1000&trade_no=uX939Yfxo6HSK4tllp"
        "&trade_status=TRADE_SUCCESS&type=usdt.trc20&sign=707240d7cde220a6e7954341f9868738"
    )
    known = account("epay", partner_id="1000", key="epay-key")
    found = said("epay", called(f"{PATH}?{query}"), known)
    assert (found.is_genuine, found.is_paid, found.money) == (True, True, Decimal("5.50"))
    for name in ("money=5", "NO1", "1000", "TRADE_SUCCESS", "sign=7"):
        altered = called(f"{PATH}?{query.replace(name, name + '1')}")
        assert not said("epay", altered, known).is_genuine


@pytest.mark.parametrize("change", [{"key": "other"}, {"pid": "1002"}])
def test_epay_of_somebody_else_is_not_genuine(change: dict[str, str]) -> None:
    assert not said("epay", called(callback_request("1", **change)), ACCOUNT).is_genuine


def test_epay_altered_is_not_genuine() -> None:
    uri = callback_request("1").replace("money=73.00", "money=0.01")
    assert not said("epay", called(uri), ACCOUNT).is_genuine


def test_epay_without_a_key_believes_nobody() -> None:
    uri = callback_request("1", key="")
    assert not said("epay", called(uri), account("epay", partner_id="1001")).is_genuine


def test_epay_v2() -> None:
    fields = {
        "pid": "1001",
        "out_trade_no": "2",
        "trade_no": "G2",
        "money": "1",
        "trade_status": "TRADE_SUCCESS",
    }
    sign = rsa.sign(epay.text(fields), PRIVATE_TEXT)
    query = "&".join(f"{k}={v}" for k, v in fields.items())
    uri = f"{PATH}?{query}&sign={quote_from_bytes(sign.encode(), safe='')}&sign_type=RSA"
    known = account("epay", partner_id="1001", public_key=PUBLIC_TEXT)
    assert said("epay", called(uri), known).is_genuine
    assert not said("epay", called(uri.replace("money=1", "money=2")), known).is_genuine


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        ({"status": 1, "endtime": "2026-11-22 10:00:00"}, PaymentStatus.PAID),
        ({"status": "1", "trade_status": "TRADE_SUCCESS"}, PaymentStatus.PAID),
        ({"status": 1, "trade_status": "WAIT_BUYER_PAY"}, PaymentStatus.UNCLEAR),
        ({"status": 1, "endtime": None}, PaymentStatus.UNCLEAR),
        ({"status": 1}, PaymentStatus.UNCLEAR),
        ({"status": 0, "endtime": "2026-11-22 10:00:00"}, PaymentStatus.WAITING),
        ({"status": 2}, PaymentStatus.CLOSED),
        ({}, PaymentStatus.WAITING),
    ],
)
def test_epay_that_lies_is_not_believed(
    answered: dict[str, object], expected: PaymentStatus
) -> None:
    assert epay._status(answered) is expected


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, b"404 page not found", silence.NO_QUERY),  # BEpusdt
        (404, b'{"status_code":404,"message":"Not Found"}', silence.NO_QUERY),  # Epusdt
        (502, b"<html>", "HTTP 502"),
        (403, b"<html>", "HTTP 403"),
        (200, b"<html>", "JSONDecodeError"),
        (200, b"[" * 100000, "RecursionError"),
        (200, b"[]", "no object"),
        (200, b'{"message":"ok"}', "no object"),
    ],
)
def test_epay_that_does_not_answer(status: int, body: bytes, reason: str) -> None:
    with pytest.raises(AskError, match=f"^{reason}$"):
        epay._object(HttpAnswer(status, body))


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        ({"code": -3, "msg": "商户密钥错误"}, PaymentStatus.SILENT),
        ({"code": "-1", "msg": "订单号不存在"}, PaymentStatus.UNKNOWN),
        ({"code": 1, "out_trade_no": ""}, PaymentStatus.UNKNOWN),
        ({"code": 1, "out_trade_no": "1", "status": 0}, PaymentStatus.WAITING),
    ],
)
def test_epay_that_refuses_has_not_answered(
    answered: dict[str, object], expected: PaymentStatus
) -> None:
    told = epay._told(answered, ACCOUNT, "1")
    assert (told.status, told.detail) == (expected, str(answered.get("msg", told.detail)))


@pytest.mark.parametrize(
    ("code", "found", "expected"),
    [
        (401, {"code": "SIGN_ERROR"}, PaymentStatus.SILENT),
        (502, {}, PaymentStatus.SILENT),
        (429, {"code": "FREQUENCY_LIMITED"}, PaymentStatus.UNKNOWN),
        (404, {"code": "ORDER_NOT_EXIST"}, PaymentStatus.WAITING),
    ],
)
def test_wxpay_that_refuses_has_not_answered(
    code: int, found: dict[str, str], expected: PaymentStatus
) -> None:
    assert wxpay._reply(code, found, "1").status is expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("isv.invalid-signature", PaymentStatus.SILENT),
        ("ACQ.SYSTEM_ERROR", PaymentStatus.UNKNOWN),
        ("ACQ.TRADE_NOT_EXIST", PaymentStatus.WAITING),
    ],
)
def test_alipay_that_refuses_has_not_answered(reason: str, expected: PaymentStatus) -> None:
    found = {"code": "40002", "sub_code": reason}
    assert alipay._reply(found, ACCOUNT, "1").status is expected


def test_epay_notification_is_what_the_gateway_would_send() -> None:
    reply = Reply(PaymentStatus.PAID, "7", "G7", Decimal("73.00"), "CNY", "1001")
    made = GATEWAYS["epay"].callback_request(ACCOUNT, reply)
    assert made
    found = said("epay", called(made.uri), ACCOUNT)
    assert (found.is_genuine, found.is_paid, found.gateway_number) == (True, True, "G7")
    assert KEY not in made.uri


def test_alipay_in_gbk() -> None:
    fields = {
        "app_id": "2021",
        "charset": "GBK",
        "out_trade_no": "3",
        "trade_no": "A3",
        "subject": "充值",
        "total_amount": "73.00",
        "trade_status": "TRADE_SUCCESS",
    }
    text = "&".join(f"{k}={fields[k]}" for k in sorted(fields)).encode("gbk")
    fields |= {"sign": rsa.sign(text, PRIVATE_TEXT), "sign_type": "RSA2"}
    body = "&".join(
        f"{k}={quote_from_bytes(v.encode('gbk'), safe='')}" for k, v in fields.items()
    ).encode()
    known = account("alipay", app_id="2021", public_key=PUBLIC_TEXT)
    found = said("alipay", called(body=body, **FORM), known)
    assert (found.is_genuine, found.is_paid, found.money) == (True, True, Decimal(73))
    altered = body.replace(b"73.00", b"74.00")
    assert not said("alipay", called(body=altered, **FORM), known).is_genuine


def test_alipay_answer_is_believed_when_it_is_signed() -> None:
    inner = (
        '{"code":"10000","out_trade_no":"3","trade_no":"A3",'
        '"trade_status":"TRADE_SUCCESS","total_amount":"73.00"}'
    )
    sign = rsa.sign(inner, PRIVATE_TEXT)
    known = account("alipay", app_id="2021", public_key=PUBLIC_TEXT)
    whole = f'{{"alipay_trade_query_response":{inner},"sign":"{sign}"}}'.encode()
    reply = alipay._reply(alipay._answered(whole, known), known, "3")
    assert (reply.status, reply.money, reply.gateway_number) == (
        PaymentStatus.PAID,
        Decimal(73),
        "A3",
    )
    with pytest.raises(ValueError, match="signature"):
        alipay._answered(whole.replace(b"73.00", b"74.00"), known)


def sealed(key: str = APIV3, **changed: object) -> bytes:
    inner = {
        "mchid": "1900",
        "out_trade_no": "4",
        "transaction_id": "W4",
        "trade_state": "SUCCESS",
        "amount": {"total": 7300, "currency": "CNY"},
    } | changed
    nonce, extra = b"0123456789ab", b"transaction"
    text = AESGCM(key.encode()).encrypt(nonce, json.dumps(inner).encode(), extra)
    resource = {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce.decode(),
        "associated_data": extra.decode(),
        "ciphertext": base64.b64encode(text).decode(),
    }
    return json.dumps({"event_type": "TRANSACTION.SUCCESS", "resource": resource}).encode()


def test_wxpay() -> None:
    known = account("wxpay", mch_id="1900", mch_apiv3_key=APIV3)
    signed = {"method": "POST", "wechatpay-signature": "abc"}
    found = said("wxpay", called(body=sealed(), **signed), known)
    assert (found.is_genuine, found.is_paid, found.money) == (True, True, Decimal(73))
    assert not said("wxpay", called(body=sealed(key="f" * 32), **signed), known).is_genuine
    assert not said("wxpay", called(body=sealed(mchid="1901"), **signed), known).is_genuine
    probe = {"method": "POST", "wechatpay-signature": f"{wxpay.PROBE}x"}
    assert said("wxpay", called(body=b"{}", **probe), known).is_test
    assert GATEWAYS["wxpay"].claim(called(), known) is None


def test_stripe() -> None:
    session = {
        "client_reference_id": "5",
        "payment_intent": "pi_5",
        "payment_status": "paid",
        "amount_total": 1000,
        "currency": "usd",
    }
    body = json.dumps({"type": stripe.COMPLETED, "data": {"object": session}}).encode()
    sign = hmac.new(WHSEC.encode(), b"1000." + body, hashlib.sha256).hexdigest()
    known = account("stripe", secret_key="sk_test_1", webhook_secret=WHSEC)
    header = {"method": "POST", "stripe-signature": f"t=1000,v1={sign}"}
    found = said("stripe", called(body=body, **header), known)
    assert (found.is_genuine, found.money, found.currency) == (True, Decimal(10), "USD")
    assert not said("stripe", called(body=body + b" ", **header), known).is_genuine


CHARGE = {"id": "ch_5", "refunded": True}


@pytest.mark.parametrize(
    ("intent", "status"),
    [
        ("pi_5", PaymentStatus.PAID),
        ({"id": "pi_5", "latest_charge": {**CHARGE, "refunded": False}}, PaymentStatus.PAID),
        ({"id": "pi_5", "latest_charge": CHARGE}, PaymentStatus.CLOSED),
        ({"id": "pi_5", "latest_charge": "ch_5"}, PaymentStatus.PAID),
    ],
)
def test_what_stripe_has_paid_back_is_closed(intent: object, status: PaymentStatus) -> None:
    session = {"payment_intent": intent, "payment_status": "paid", "amount_total": 1000}
    found = stripe._reply({**session, "currency": "usd"}, "5")
    assert (found.status, found.gateway_number) == (status, "pi_5")


@pytest.mark.parametrize("code", [-2, -3])
def test_an_epay_that_refuses_the_key_is_silent(code: int) -> None:
    found = epay._told({"code": code, "msg": "KEY校验失败"}, ACCOUNT, "1")
    assert found.status is PaymentStatus.SILENT


# As docs.creem.io/code/webhooks shows it, as far as it is read.
CREEM = {
    "id": "evt_1", "eventType": "checkout.completed", "created_at": 1728734325927,
    "object": {
        "id": "ch_1", "object": "checkout", "request_id": "ref_my-request-id",
        "status": "completed",
        "order": {
            "object": "order", "id": "ord_1", "amount": 1000, "amount_paid": 1000,
            "currency": "EUR", "status": "paid", "type": "recurring", "mode": "test",
        },
        "mode": "test",
    },
}  # fmt: skip
# As waffo-go's test/webhook_handler_test.go has it.
WAFFO = {
    "eventType": "PAYMENT_NOTIFICATION",
    "result": {
        "acquiringOrderId": "ACQ123", "merchantOrderId": "ORDER123", "paymentRequestId": "REQ123",
        "orderStatus": "PAY_SUCCESS", "orderAmount": "100.00", "orderCurrency": "USD",
    },
}  # fmt: skip


def test_creem() -> None:
    body = json.dumps(CREEM).encode()
    header = {"method": "POST", "creem-signature": hmac.new(b"s", body, "sha256").hexdigest()}
    found = said("creem", called(body=body, **header), account("creem", webhook_secret="s"))
    assert (found.is_genuine, found.is_paid, found.is_test) == (True, True, True)
    assert (found.number, found.gateway_number) == ("ref_my-request-id", "ord_1")
    assert (found.money, found.currency) == (Decimal(10), "EUR")
    for other in ("x", ""):
        known = account("creem", webhook_secret=other)
        assert not said("creem", called(body=body, **header), known).is_genuine
    altered = body.replace(b"1000", b"1001")
    known = account("creem", webhook_secret="s")
    assert not said("creem", called(body=altered, **header), known).is_genuine
    assert GATEWAYS["creem"].claim(called(body=body, method="POST"), known) is None
    theirs = body.replace(b"ref_my", b"shop-9")
    assert GATEWAYS["creem"].claim(called(body=theirs, **header), known) is None


def test_waffo() -> None:
    body = json.dumps(WAFFO).encode()
    header = {"method": "POST", "x-signature": rsa.sign(body, PRIVATE_TEXT)}
    known = account("waffo", public_key=PUBLIC_TEXT)
    found = said("waffo", called(body=body, **header), known)
    assert (found.is_genuine, found.is_paid) == (True, True)
    assert (found.number, found.gateway_number) == ("ORDER123", "ACQ123")
    assert (found.money, found.currency) == (Decimal(100), "USD")
    altered = called(body=body.replace(b"100.00", b"1.00"), **header)
    assert not said("waffo", altered, known).is_genuine
    failed = json.dumps(WAFFO).replace("PAY_SUCCESS", "ORDER_CLOSE").encode()
    signed = {"method": "POST", "x-signature": rsa.sign(failed, PRIVATE_TEXT)}
    assert not said("waffo", called(body=failed, **signed), known).is_paid


@pytest.mark.parametrize(
    ("kind", "status", "answer", "taken"),
    [
        ("epay", 200, b"success", True),
        ("epay", 200, b"fail", False),
        ("epay", 200, b'{"success":false,"message":"payment not found"}', False),
        ("epay", 502, b"success", False),
        ("alipay", 200, b"success", True),
        ("alipay", 200, b"failure", False),
        ("wxpay", 204, b"", True),
        ("wxpay", 400, b"", False),
        ("wxpay", 200, b'{"success":false}', False),
        ("stripe", 200, b"", True),
        ("stripe", 500, b"", False),
        ("creem", 200, b"", True),
        ("creem", 401, b"", False),
        ("waffo", 200, b'{"message":"success"}', True),
        ("waffo", 200, b'{"message":"failed"}', False),
    ],
)
def test_taken(kind: str, status: int, answer: bytes, taken: bool) -> None:
    assert GATEWAYS[kind].is_accepted(status, answer, len(answer)) is taken


@given(st.sampled_from(sorted(GATEWAYS)), st.text(), st.binary(), st.text())
def test_no_callback_is_an_error(kind: str, query: str, body: bytes, header: str) -> None:
    config = {
        "key": KEY,
        "partner_id": "1",
        "app_id": "2",
        "public_key": PUBLIC_TEXT,
        "mch_id": "3",
        "mch_apiv3_key": APIV3,
        "webhook_secret": WHSEC,
    }
    signed = {"wechatpay-signature": header, "stripe-signature": header}
    callback = called(f"{PATH}?{query}", body, **FORM, **signed)
    found = GATEWAYS[kind].claim(callback, account(kind, **config))
    assert found is None or not found.is_genuine


PEM = rsa.private_pem(PRIVATE_TEXT)
LINES = PEM.splitlines()
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n"
OLD_PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
).decode()


@pytest.mark.parametrize(("key", "is_read"), [
    ("", True), (PEM, True), (PEM.strip(), True), (PEM.replace("\n", "\r\n"), True),
    (PEM.replace("KEY-----", "KEY----- "), True), (f"Bag Attributes\n  x: y\n{PEM}", True),
    (PEM + CERTIFICATE, True), (CERTIFICATE + PEM, False), (OLD_PEM, False),
    (OLD_PEM.replace("RSA ", ""), False), (PEM.replace("\n", ""), False), (f" {PEM}", False),
    ("\n".join(LINES[1:-1]), False), ("\n".join([*LINES[:5], *LINES[6:]]), False),
    ("\n".join([*LINES[:9], LINES[-1]]), False),
])  # fmt: skip
def test_a_key_at_which_one_hub_would_end(key: str, is_read: bool) -> None:
    """What Go's encoding/pem and crypto/x509 said of each, tried with Go itself."""
    assert GATEWAYS["wxpay"].harms({"mch_private_key": key}) is not is_read
