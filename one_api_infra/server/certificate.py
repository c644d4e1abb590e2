"""Certificates on the server: what is on disk, and what is served."""

import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from one_api_infra.shared import paths
from one_api_infra.shared.certificate import Certificate
from one_api_infra.shared.site_file import SiteFile

EXTERNAL = "external"


def observe(site: SiteFile) -> list[Certificate]:
    """Every certificate on disk that can be read: certbot's of this toolkit, or the external."""
    found = of_certbot()
    if site.certificate_file and site.certificate_key_file:
        external = read(EXTERNAL, site.certificate_file, site.certificate_key_file)
        found += [external] if external else []
    return found


def of_certbot() -> list[Certificate]:
    """Those that certbot keeps for this toolkit."""
    live = sorted(Path(paths.LETSENCRYPT).glob("live/*/fullchain.pem"))
    found = (read(path.parent.name, path, path.with_name("privkey.pem")) for path in live)
    return [each for each in found if each]


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


def on_the_wire(name: str, port: int = 443) -> str | None:
    """The serial number that nginx serves on loopback for ``name``; None if it serves none."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # which one it is, not whether it is trusted
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname=name) as wrapped,
        ):
            der = wrapped.getpeercert(binary_form=True)
    except OSError:
        return None
    return f"{x509.load_der_x509_certificate(der).serial_number:x}" if der else None


def is_served(site: SiteFile, certificate: Certificate) -> bool:
    """Whether nginx shows this very certificate to who asks for its name."""
    own = certificate.covers([site.domain]) or not certificate.host_names
    name = site.domain if own else certificate.host_names[0]
    return on_the_wire(name) == certificate.serial


def named_by_nginx(site: SiteFile) -> tuple[Certificate, ...]:
    """The certificates that nginx' configuration names and that are on disk."""
    parts = (Path(f"{paths.NGINX}/one-api/{name}.conf") for name in ("site", "tunnel"))
    text = "".join(part.read_text() for part in parts if part.exists())
    return tuple(each for each in observe(site) if f" {each.certificate_file};" in text)


def not_served(site: SiteFile) -> tuple[str, ...]:
    """Names for which nginx shows another certificate than the one that is on disk for them."""
    named = named_by_nginx(site)
    return tuple(each.name for each in named if not is_served(site, each))
