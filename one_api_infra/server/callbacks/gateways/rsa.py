"""SHA256 with RSA, as Alipay and epay V2 write it: keys as bare base64 or as PEM."""

import base64
import binascii
import re

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

# The marks stand on lines of their own, blanks behind them are let pass.
BLOCK = re.compile(
    r"^-----BEGIN (?P<kind>[^\n]*?)-----[ \t\r]*\n(?P<body>[^-]*)"
    r"\n-----END (?P=kind)-----[ \t\r]*$",
    re.MULTILINE,
)
RSA = bytes.fromhex("2a864886f70d010101")  # rsaEncryption


def is_signed(text: str | bytes, signature: str, public_key: str) -> bool:
    """Whether ``signature`` (base64) is the key's over ``text``; no error for any nonsense."""
    data = text.encode() if isinstance(text, str) else text
    try:
        key = serialization.load_pem_public_key(pem(public_key, "PUBLIC KEY"))
        if not isinstance(key, RSAPublicKey):
            return False
        key.verify(base64.b64decode(signature), data, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, binascii.Error):
        return False
    return True


def sign(text: str | bytes, private_key: str) -> str:
    """The signature in base64; ValueError if the key is none."""
    data = text.encode() if isinstance(text, str) else text
    key = _private(private_key)
    return base64.b64encode(key.sign(data, padding.PKCS1v15(), hashes.SHA256())).decode()


def private_pem(private_key: str) -> str:
    """A private key as PEM, however it was pasted; ValueError if it is none."""
    kind = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    return _private(private_key).private_bytes(serialization.Encoding.PEM, kind, plain).decode()


def is_pkcs8(text: str) -> bool:
    """Whether Go (encoding/pem, crypto/x509) finds an RSA key in PKCS#8 first in a text."""
    block = BLOCK.search(text)
    if not block or block["kind"] != "PRIVATE KEY":
        return False
    try:
        found = base64.b64decode("".join(block["body"].split()), validate=True)
        key = serialization.load_der_private_key(found, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return isinstance(key, RSAPrivateKey) and RSA in found[:40]  # PKCS#1 does not name its kind


def _private(text: str) -> RSAPrivateKey:
    for kind in ("PRIVATE KEY", "RSA PRIVATE KEY"):
        try:
            key = serialization.load_pem_private_key(pem(text, kind), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if isinstance(key, RSAPrivateKey):
            return key
    raise ValueError("not an RSA private key")


def pem(key: str, kind: str) -> bytes:
    """A key as PEM; people paste it without its first and last line."""
    if "-----" in key:
        return key.encode()
    body = "".join(key.split())
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""]).encode()
