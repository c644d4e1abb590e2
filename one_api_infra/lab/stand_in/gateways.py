"""How One Hub takes the callbacks of Alipay, WeChat Pay and Stripe: answers and hazards.

Unlike One Hub, it does not verify WeChat Pay's signature, whose key comes from the gateway, only
its age. As in One Hub, the body must open with the merchant's APIv3 key.
"""

import base64
import binascii
import ctypes
import hashlib
import hmac
import json
import time
from typing import Any

TOLERANCE = 300  # seconds; WeChat Pay's and Stripe's libraries refuse what is older
TAG = 16  # bytes at the end of what AES-GCM sealed
SET_TAG = 0x11
# DigestInfo of SHA-256 in PKCS #1 v1.5.
PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
Paid = tuple[str, str] | None


def alipay(parameters: dict[str, str], config: dict[str, str]) -> Paid:
    """The order's and the gateway's number, if the form is signed and paid."""
    charset = "gb18030" if parameters.get("charset", "").upper().startswith("GB") else "utf-8"
    used = sorted((k, v) for k, v in parameters.items() if v and k not in {"sign", "sign_type"})
    text = "&".join(f"{k}={v}" for k, v in used).encode(charset, "replace")
    if not _is_signed(text, parameters.get("sign", ""), config["public_key"]):
        return None
    if parameters.get("trade_status") != "TRADE_SUCCESS":
        return None
    return parameters["out_trade_no"], parameters["trade_no"]


def wxpay(headers: Any, body: bytes, config: dict[str, str]) -> Paid:
    """The numbers, if the call is fresh and opens; ValueError if not, None if it is not paid."""
    age = abs(time.time() - float(headers.get("Wechatpay-Timestamp") or 0))
    if age > TOLERANCE or str(headers.get("Wechatpay-Signature")).startswith("WECHATPAY/SIGNTEST"):
        raise ValueError("signature")
    resource = json.loads(body)["resource"]
    opened = json.loads(_open(resource, config["mch_apiv3_key"].encode()))
    if opened["trade_state"] != "SUCCESS":
        return None
    return opened["out_trade_no"], opened["transaction_id"]


def stripe(header: str, body: bytes, config: dict[str, str]) -> Paid:
    """The numbers of a completed session; None if the signature is wrong or old."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    stamp = parts.get("t", "0")
    text = stamp.encode() + b"." + body
    wanted = hmac.new(config["webhook_secret"].encode(), text, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, parts.get("v1", "")):
        return None
    if abs(time.time() - float(stamp)) > TOLERANCE:
        return None
    event = json.loads(body)
    if event["type"] != "checkout.session.completed":
        raise TypeError("nil")  # the real one takes what is not there, and answers 500
    session = event["data"]["object"]
    return session["client_reference_id"], session["payment_intent"]


def _is_signed(text: bytes, signature: str, public_key: str) -> bool:
    """SHA256 with RSA over the standard library's integers."""
    try:
        modulus, exponent = _numbers(base64.b64decode(public_key))
        number = int.from_bytes(base64.b64decode(signature), "big")
    except (ValueError, IndexError, binascii.Error):
        return False
    size = (modulus.bit_length() + 7) // 8
    found = pow(number, exponent, modulus).to_bytes(size, "big")
    tail = b"\x00" + PREFIX + hashlib.sha256(text).digest()
    return found == b"\x00\x01" + b"\xff" * (size - len(tail) - 2) + tail


def _numbers(der: bytes) -> tuple[int, int]:
    """Modulus and exponent: the last two integers of a SubjectPublicKeyInfo."""
    inner = der[der.index(b"\x03\x82") + 5 :]  # the bit string, past its count of unused bits
    at = inner.index(b"\x02\x82") + 2
    length = int.from_bytes(inner[at : at + 2], "big")
    end = at + 2 + length
    exponent = inner[end + 2 : end + 2 + inner[end + 1]]
    return int.from_bytes(inner[at + 2 : end], "big"), int.from_bytes(exponent, "big")


def _open(resource: dict[str, str], key: bytes) -> bytes:
    """AES-256-GCM by the system's OpenSSL; ValueError if the key does not open it."""
    lib = ctypes.CDLL("libcrypto.so.3")
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm"):
        getattr(lib, name).restype = ctypes.c_void_p
    sealed = base64.b64decode(resource["ciphertext"])
    text, tag = sealed[:-TAG], sealed[-TAG:]
    extra, nonce = resource["associated_data"].encode(), resource["nonce"].encode()
    context = ctypes.c_void_p(lib.EVP_CIPHER_CTX_new())
    length, out = ctypes.c_int(), ctypes.create_string_buffer(len(text))
    try:
        lib.EVP_DecryptInit_ex(context, ctypes.c_void_p(lib.EVP_aes_256_gcm()), None, key, nonce)
        lib.EVP_DecryptUpdate(context, None, ctypes.byref(length), extra, len(extra))
        lib.EVP_DecryptUpdate(context, out, ctypes.byref(length), text, len(text))
        lib.EVP_CIPHER_CTX_ctrl(context, SET_TAG, TAG, tag)
        if lib.EVP_DecryptFinal_ex(context, None, ctypes.byref(length)) != 1:
            raise ValueError("sealed by another key")
    finally:
        lib.EVP_CIPHER_CTX_free(context)
    return out.raw
