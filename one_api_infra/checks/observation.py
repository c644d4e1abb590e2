"""What observers saw, as plain data: the only thing that judgements read."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from one_api_infra.shared import paths
from one_api_infra.shared.server_observation import Server
from one_api_infra.shared.unobserved import NOBODY_ASKED, Unobserved, observed

ALIAS = "CNAME"


@dataclass(frozen=True)
class Route:
    """A route that gateways call, and the methods by which they call it."""

    path: str
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """What is looked at, and what should be there. Empty means: not known, so not judged.

    ``connect_to`` are addresses to connect to in the place of those that DNS tells: the server
    itself need not reach its own public address. ``reboots``: the server does so by itself where an
    update asks for it. ``proxies`` are the networks of those that stand before it. ``challenge`` is
    the CA's. ``behind_nat`` are the versions of IP by which the server itself knows private
    addresses alone. ``inventory`` is named in remedies.
    """

    domain: str
    callback_domain: str
    edition: str = ""
    routes: tuple[Route, ...] = ()
    one_api_ports: tuple[int, ...] = ()
    addresses: tuple[str, ...] = ()
    ca_identities: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    trusted_ca_file: str | None = None
    certificate_file: str = ""
    connect_to: tuple[str, ...] = ()
    waive: tuple[str, ...] = ()
    lab: bool = False
    reboots: bool = False
    proxies: tuple[str, ...] = ()
    challenge: str = "http-01"
    behind_nat: tuple[int, ...] = ()
    inventory: str = "inventory.py"

    def is_behind(self, address: str) -> bool:
        """Whether an address is that of a proxy which may stand before the server."""
        try:
            given = ipaddress.ip_address(address)
        except ValueError:  # a name of ssh's own
            return False
        return any(given in ipaddress.ip_network(each) for each in self.proxies)

    @property
    def is_proved_by_dns(self) -> bool:
        """Whether the CA asks DNS alone, so that nobody needs port 80."""
        return self.challenge == "dns-01"

    @property
    def is_foreign(self) -> bool:
        """Whether it is somebody else's site, of which nothing is known but its name."""
        return not self.edition

    @property
    def is_external(self) -> bool:
        """Whether somebody else manages the site's certificate."""
        ours = f"{paths.LETSENCRYPT}/"
        return bool(self.certificate_file) and not self.certificate_file.startswith(ours)

    @property
    def domains(self) -> tuple[str, ...]:
        """Both names, each once."""
        return tuple(dict.fromkeys((self.domain, self.callback_domain)))


@dataclass(frozen=True)
class Asked:
    """What one DNS server answered for a name.

    ``role``: ``own`` (the observer's resolver), ``public``, ``authoritative`` or ``server`` (the
    resolver of the server under test). ``error``: ``NXDOMAIN``, ``SERVFAIL``, ``timeout``…; beside
    addresses it says that the other kind of address was not told. ``ALIAS``: the zone's server
    knows that the name leads into another zone, and no more.
    """

    name: str
    role: str
    by: str
    addresses: tuple[str, ...] = ()
    error: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether A and AAAA are known: half an answer is none to compare."""
        return self.error in ("", "NXDOMAIN")


@dataclass(frozen=True)
class Caa:
    """The CAA records that hold for a name: ``(flags, tag, value)``, and where they stand.

    ``error``: ``SERVFAIL`` or ``timeout``; no CA issues for a name whose records it cannot read.
    """

    name: str
    at: str
    records: tuple[tuple[int, str, str], ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Delegation:
    """Where a CNAME sends who looks for a name's challenge; ``error`` if that zone says nothing."""

    name: str
    to: str
    error: str = ""


@dataclass(frozen=True)
class Names:
    """What DNS says about a target's names; ``bogus`` are those whose DNSSEC is broken."""

    asked: tuple[Asked, ...] = ()
    caa: tuple[Caa, ...] = ()
    bogus: tuple[str, ...] = ()
    delegations: tuple[Delegation, ...] = ()


@dataclass(frozen=True)
class Port:
    """A TCP port from outside: ``open``, ``closed``, ``filtered`` or ``unreachable`` (no way)."""

    address: str
    number: int
    state: str


@dataclass(frozen=True)
class Handshake:
    """A TLS handshake. Times are seconds since 1970; ``errors`` are OpenSSL's verify codes.

    ``is_linked``: each certificate of the chain is issued by the next one.
    ``application`` is the protocol that ALPN chose (``h2``); ``is_narrow``: it hung, and succeeds
    with small packets. ``is_reset_by_name``: it was cut off, and for another name it is not.
    """

    name: str
    address: str
    error: str = ""
    names: tuple[str, ...] = ()
    not_before: float = 0
    not_after: float = 0
    serial: str = ""
    issuer: str = ""
    is_self_signed: bool = False
    chain_length: int = 0
    is_linked: bool = True
    errors: tuple[int, ...] = ()
    protocols: tuple[str, ...] = ()
    serial_without_sni: str = ""
    application: str = ""
    is_narrow: bool = False
    is_reset_by_name: bool = False


@dataclass(frozen=True)
class Exchange:
    """A request and its answer; header names are lower case, ``body`` is its beginning."""

    method: str
    url: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    error: str = ""

    @property
    def is_html(self) -> bool:
        """Whether a web page came back."""
        return "<html" in self.body.lower() or "<!doctype html" in self.body.lower()


@dataclass(frozen=True)
class Observation:
    """Everything that one look saw, from outside and by the agent on the server.

    ``outside_error``: why nothing was seen from outside. ``minutes_to_full``: of each mount of the
    server whose room shrinks, as the monitor knows from run to run. ``fronts``: answers of port 80.
    """

    target: Target
    now: float
    asked: tuple[Asked, ...] = ()
    caa: tuple[Caa, ...] = ()
    bogus: tuple[str, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    ports: tuple[Port, ...] = ()
    handshakes: tuple[Handshake, ...] = ()
    fronts: tuple[Exchange, ...] = ()
    callbacks: tuple[Exchange, ...] = ()
    status: Exchange | None = None
    server: Server | Unobserved = NOBODY_ASKED
    outside_error: str = ""
    minutes_to_full: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_names(cls, target: Target, now: float, names: Names) -> "Observation":
        """As far as DNS tells."""
        told = (names.asked, names.caa, names.bogus, names.delegations)
        return cls(target, now, *told)

    @property
    def on_server(self) -> Server:
        """What the server told; NotObservedError where it was not or could not be asked."""
        return observed(self.server)

    def addresses(self, name: str) -> tuple[str, ...]:
        """Where the observer is led by a name; its own resolver's word, else the public ones'."""
        if self.target.connect_to:
            return self.target.connect_to
        for role in ("own", "public"):
            for each in self.asked:
                if each.name == name and each.role == role and each.addresses:
                    return each.addresses
        return ()
