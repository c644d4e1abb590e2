"""A certificate and its key as their files hold them."""

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from one_api_infra.shared.certificate import Certificate


def read(name: str, certificate_file: str | Path, key_file: str | Path) -> Certificate | None:
    """A certificate and its key; None if they cannot be read."""
    try:
        leaf = x509.load_pem_x509_certificates(Path(certificate_file).read_bytes())[0]
        key = serialization.load_pem_private_key(Path(key_file).read_bytes(), None)
        alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return None
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return Certificate(
        name=name,
        certificate_file=str(certificate_file),
        key_file=str(key_file),
        names=tuple(alternative.value.get_values_for_type(x509.DNSName)),
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
        serial=f"{leaf.serial_number:x}",
        issuer=leaf.issuer.rfc4514_string(),
        key_matches=leaf.public_key().public_bytes(*form) == key.public_key().public_bytes(*form),
        key_is_private=_is_private(Path(key_file)),
        self_signed=leaf.issuer == leaf.subject and bool(leaf.issuer.rdns),
    )


def _is_private(key: Path) -> bool:
    """Root's, and closed to the world."""
    found = key.stat()
    return found.st_uid == 0 and not found.st_mode & 0o007


def serial(der: bytes) -> str:
    """A certificate's serial number, in hexadecimal."""
    return f"{x509.load_der_x509_certificate(der).serial_number:x}"
