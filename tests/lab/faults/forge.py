"""Certificates that no CA would issue, signed by the lab's own intermediate."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from one_api_infra.lab import process
from one_api_infra.lab.ca import PORTS, Ca

PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Pair:
    """A chain and its key, in PEM."""

    chain: str
    key: str


def signed(
    ca: Ca, names: Sequence[str], *, begin: float = -1, end: float = 89, trusted: bool = True
) -> Pair:
    """A certificate from ``begin`` to ``end`` (days from now), by Pebble's intermediate.

    With ``trusted=False`` a CA that nobody knows signs, and its certificate is sent along.
    """
    issuer, issuer_key = _intermediate(ca) if trusted else _unknown()
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _builder(names[0], issuer.subject, key, begin, end)
    alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    made = leaf.add_extension(alternative, critical=False).sign(issuer_key, hashes.SHA256())
    return _pair([made, issuer], key)


def self_signed(name: str) -> Pair:
    """What installers leave behind."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    alternative = x509.SubjectAlternativeName([x509.DNSName(name)])
    builder = _builder(name, subject, key, -1, 3650).add_extension(alternative, critical=False)
    return _pair([builder.sign(key, hashes.SHA256())], key)


def _intermediate(
    ca: Ca,
) -> tuple[x509.Certificate, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey]:
    base = f"https://{ca.address}:{PORTS['production'][1]}"
    with process.session() as here:
        pem, key = (
            here.get(f"{base}/{path}/0", verify=str(ca.https_root), timeout=5).content
            for path in ("intermediates", "intermediate-keys")
        )
    loaded = serialization.load_pem_private_key(key, None)
    assert isinstance(loaded, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return x509.load_pem_x509_certificate(pem), loaded


def _unknown() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("a CA that nobody knows")
    builder = _builder("a CA that nobody knows", name, key, -1, 3650)
    ca = x509.BasicConstraints(ca=True, path_length=None)
    return builder.add_extension(ca, critical=True).sign(key, hashes.SHA256()), key


def _builder(
    subject: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begin: float, end: float
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(serial_number=x509.random_serial_number())
    builder = builder.subject_name(_name(subject)).issuer_name(issuer).public_key(key.public_key())
    builder = builder.not_valid_before(now + datetime.timedelta(days=begin))
    return builder.not_valid_after(now + datetime.timedelta(days=end))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pair(chain: Sequence[x509.Certificate], key: ec.EllipticCurvePrivateKey) -> Pair:
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(PEM, form, serialization.NoEncryption())
    return Pair("".join(each.public_bytes(PEM).decode() for each in chain), secret.decode())
