"""TLS handshakes: everything that the server shows is taken, and what is wrong with it noted."""

import contextlib
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, cast

from cryptography import x509
from OpenSSL import SSL, crypto

from one_api_infra.checks.observation import Handshake
from one_api_infra.checks.observers.together import together
from one_api_infra.shared.texts import _

SECONDS = 4.0
CLOSED = "closed"
OTHER = "example.com"  # nobody blocks it; our nginx refuses it by an alert
SMALL = 536  # bytes: what every way carries (RFC 9293)
CHAIN_LIMIT = 10
VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


def gather(
    names: Sequence[str], addresses: Sequence[str], roots: str | None
) -> tuple[Handshake, ...]:
    """A handshake for each name at each address; the protocols at the first."""
    asked = [(name, address) for name in names for address in addresses]
    late = [Handshake(name, address, "timeout") for name, address in asked]
    looks = [
        partial(shake, name, address, roots, thorough=(name, address) == asked[0])
        for name, address in asked
    ]
    return tuple(together(looks, late, SECONDS * 2 + 1))


def shake(name: str, address: str, roots: str | None, *, thorough: bool = False) -> Handshake:
    """One handshake; ``thorough`` also asks for each protocol, and without SNI, all at once."""
    if not thorough:
        return _shake(name, address, roots)
    looks: list[Callable[[], Any]] = [
        partial(_shake, name, address, roots),
        partial(_shake, None, address, roots),
        *(partial(_speaks, name, address, version) for version in VERSIONS.values()),
    ]
    late: list[Any] = [Handshake(each, address, "timeout") for each in (name, "")]
    found, anonymous, *spoken = together(looks, late + [False] * len(VERSIONS), SECONDS + 1)
    if found.error:
        return _named(_narrowed(cast(Handshake, found), roots))
    protocols = tuple(name for name, is_so in zip(VERSIONS, spoken, strict=True) if is_so)
    return replace(cast(Handshake, found), protocols=protocols, serial_without_sni=anonymous.serial)


def _narrowed(found: Handshake, roots: str | None) -> Handshake:
    """A handshake that hung, and whether it succeeds where every packet is small."""
    if found.error != "timeout":
        return found
    small = _shake(found.name, found.address, roots, segment=SMALL)
    return replace(found, is_narrow=not small.error)


def _named(found: Handshake) -> Handshake:
    """A handshake that was cut off, and whether that is so for every name."""
    if found.error != CLOSED:
        return found
    other = _shake(OTHER, found.address, None)
    return replace(found, is_reset_by_name=other.error not in {CLOSED, "timeout"})


def _connect(address: str, segment: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    raw = socket.socket(family, socket.SOCK_STREAM)
    try:
        if segment:  # told to the server with the first packet, which keeps to it
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        raw.settimeout(SECONDS)
        raw.connect((address, 443))
    except OSError:
        raw.close()
        raise
    return raw


def _shake(name: str | None, address: str, roots: str | None, segment: int = 0) -> Handshake:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    # Judged afterwards: a verify callback needs writable, executable memory, which the
    # monitor's unit forbids.
    context.set_verify(SSL.VERIFY_NONE)
    context.set_alpn_protos([b"h2", b"http/1.1"])
    try:
        with _connect(address, segment) as raw:
            connection = SSL.Connection(context, raw)
            if name:
                connection.set_tlsext_host_name(name.encode())
            connection.set_connect_state()
            _to_the_end(connection, raw)
            chain = (connection.get_peer_cert_chain() or [])[:CHAIN_LIMIT]
            if not chain:
                return Handshake(name or "", address, "no certificate")
            errors = _verify(chain, roots)
            application = connection.get_alpn_proto_negotiated().decode()
    except (OSError, SSL.Error, crypto.Error, ValueError) as error:
        return Handshake(name or "", address, _words(error))
    parsed = _parsed(name or "", address, [each.to_cryptography() for each in chain], errors)
    return replace(parsed, application=application)


def _verify(chain: list[crypto.X509], roots: str | None) -> tuple[int, ...]:
    """OpenSSL's verify code; nothing if the chain is trusted by the store or by ``roots``."""
    store = crypto.X509Store()
    paths = ssl.get_default_verify_paths()
    if not (roots or paths.cafile or paths.capath):
        raise ValueError(_("this machine has no CA roots (Debian's are in ca-certificates)"))
    store.load_locations(roots or paths.cafile, None if roots else paths.capath)
    try:
        crypto.X509StoreContext(store, chain[0], chain[1:]).verify_certificate()
    except crypto.X509StoreContextError as error:
        return (int(error.errors[0]),)
    return ()


def _to_the_end(connection: SSL.Connection, raw: socket.socket) -> None:
    """Shake hands; TimeoutError when it takes too long, drop by drop or all at once."""
    raw.settimeout(None)
    deadline = time.monotonic() + SECONDS
    raw.setblocking(False)
    while True:
        try:
            connection.do_handshake()
        except (SSL.WantReadError, SSL.WantWriteError):
            if time.monotonic() > deadline:
                raise TimeoutError from None
            time.sleep(0.005)
        else:
            return


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, SSL.SysCallError):
        return CLOSED
    if isinstance(error, SSL.Error) and error.args and error.args[0]:
        return str(error.args[0][-1][-1])
    return str(error) or type(error).__name__


def _parsed(
    name: str, address: str, chain: list[x509.Certificate], errors: tuple[int, ...]
) -> Handshake:
    """The leaf as plain data; one that cannot be read is an error, never an exception."""
    leaf = chain[0]
    names: tuple[str, ...] = ()
    try:
        with contextlib.suppress(x509.ExtensionNotFound):
            found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            names = tuple(found.value.get_values_for_type(x509.DNSName))
        with warnings.catch_warnings(action="ignore"):  # a serial of zero or below
            serial = leaf.serial_number
        return Handshake(
            name,
            address,
            names=names,
            not_before=leaf.not_valid_before_utc.timestamp(),
            not_after=leaf.not_valid_after_utc.timestamp(),
            serial=f"{serial:x}",
            issuer=leaf.issuer.rfc4514_string(),
            is_self_signed=leaf.issuer == leaf.subject and bool(leaf.issuer.rdns),
            chain_length=len(chain),
            is_linked=all(one.issuer == other.subject for one, other in pairwise(chain)),
            errors=errors,
        )
    except (ValueError, TypeError, x509.DuplicateExtension) as error:
        return Handshake(name, address, f"unreadable certificate: {error}")


def _speaks(name: str, address: str, version: ssl.TLSVersion) -> bool:
    with warnings.catch_warnings(action="ignore"):  # old protocols are asked for on purpose
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    try:
        with (
            socket.create_connection((address, 443), timeout=SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=name),
        ):
            return True
    except (OSError, ValueError):
        return False
