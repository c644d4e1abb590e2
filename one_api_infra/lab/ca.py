"""The lab's CA: Pebble as production, as staging, and on demand as one of short lifetimes."""

import datetime
import ipaddress
import json
import socket
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from one_api_infra.lab import process

PORTS = {"production": (14000, 15000), "staging": (14001, 15001), "short": (14002, 15002)}
ALWAYS = ("production", "staging")
# What this root also speaks for in the lab: the APIs of payment gateways.
GATEWAY_NAMES = ("openapi.alipay.com", "api.mch.weixin.qq.com", "api.stripe.com")
DAY = datetime.timedelta(days=1)
LIFETIME = 90 * 86400
ENVIRONMENT = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}


class Ca:
    """Pebble at ``address``, its files in ``directory``; it validates by the resolver ``dns``."""

    def __init__(self, directory: Path, address: str, dns: str) -> None:
        self.directory = directory
        self.address = address
        self.dns = dns

    @property
    def https_root(self) -> Path:
        """The root that signs Pebble's own HTTPS certificate: what certbot must trust."""
        return self.directory / "https-root.pem"

    @property
    def trusted(self) -> Path:
        """All roots that a server in the lab trusts: its gateways' and its own."""
        path = self.directory / "trusted.pem"
        path.write_text(self.issuer.read_text() + self.https_root.read_text())
        return path

    @property
    def issuer(self) -> Path:
        """The root of the certificates that production issues: what a gateway must trust."""
        return self.issuer_of("production")

    def issuer_of(self, name: str) -> Path:
        """The root of the certificates that one of them issues."""
        return self.directory / f"issuer-{name}.pem"

    def url(self, name: str = "production") -> str:
        """The ACME directory."""
        return f"https://{self.address}:{PORTS[name][0]}/dir"

    def start(self, lifetime: int = LIFETIME) -> None:
        """Start both; certificates live ``lifetime`` seconds. Nothing happens if they run."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self.https_root.exists():
            write_certificates(self.directory, self.address)
        for name in ALWAYS:
            self.start_one(name, lifetime)

    def start_one(self, name: str, lifetime: int = LIFETIME) -> None:
        """Start one of ``PORTS``."""
        if process.running(self.directory, name):
            return
        listen, management = PORTS[name]
        config = {
            "listenAddress": f"{self.address}:{listen}",
            "managementListenAddress": f"{self.address}:{management}",
            "certificate": f"{self.directory}/https.pem",
            "privateKey": f"{self.directory}/https.key",
            "httpPort": 80,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "certificateValidityPeriod": lifetime,
        }
        path = self.directory / f"{name}.json"
        path.write_text(json.dumps({"pebble": config}))
        command = ["pebble", "-config", str(path), "-dnsserver", f"{self.dns}:53"]
        process.start(self.directory, name, command, ENVIRONMENT)
        process.wait_until(lambda: self._listens(management), 10, f"Pebble ({name})")
        self.issuer_of(name).write_text(self._root(management))

    def stop(self, name: str | None = None) -> None:
        """Stop one of them, or all."""
        for each in [name] if name else list(PORTS):
            process.stop(self.directory, each)

    def orders(self, name: str) -> int:
        """How many new orders the log of one of them shows."""
        log = (self.directory / f"{name}.log").read_text(errors="replace")
        return log.count("Added order")

    def _root(self, management: int) -> str:
        url = f"https://{self.address}:{management}/roots/0"
        with process.session() as here:
            return here.get(url, verify=str(self.https_root), timeout=5).text

    def _listens(self, port: int) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex((self.address, port)) == 0


def write_certificates(directory: Path, address: str) -> None:
    """A root, and a certificate for Pebble's address and the gateways' names signed by it."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, name = _name("one-api-infra lab root"), _name("pebble")
    constraint = x509.BasicConstraints(ca=True, path_length=0)
    root = _builder(root_name, root_name, root_key).add_extension(constraint, critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = root.add_extension(identifier, critical=False).add_extension(_SIGNS, critical=True)
    names = [x509.DNSName(each) for each in GATEWAY_NAMES]
    own = x509.IPAddress(ipaddress.ip_address(address))
    alternative = x509.SubjectAlternativeName([own, *names])
    leaf = _builder(name, root_name, key).add_extension(alternative, critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    leaf = leaf.add_extension(authority, critical=False)
    _pem(directory / "https-root.pem", root.sign(root_key, hashes.SHA256()))
    _pem(directory / "https.pem", leaf.sign(root_key, hashes.SHA256()))
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (directory / "https.key").write_bytes(secret)


# Python 3.13 is strict: a CA must say that it signs, a certificate who signed it.
_SIGNS = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - DAY).not_valid_after(now + 3650 * DAY)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
