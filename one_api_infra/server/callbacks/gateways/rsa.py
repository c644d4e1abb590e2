"""SHA256 with RSA, as Alipay and epay V2 write it: keys as bare base64 or as PEM."""

import base64
import binascii

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey


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
