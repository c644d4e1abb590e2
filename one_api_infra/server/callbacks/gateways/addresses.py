"""At which addresses gateways may be: at public ones, and in the networks that a site names."""

import ipaddress
from collections.abc import Iterable

NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_allowed: list[Network] = []


class ForbiddenAddressError(Exception):
    """The gateway's name leads into a private network that the site's settings do not name."""


def allow(networks: Iterable[str]) -> None:
    """Private networks in which gateways may be: the site's ``gateway_networks``."""
    _allowed[:] = map(ipaddress.ip_network, networks)


def is_allowed(address: str) -> bool:
    """Whether a gateway may be at that address."""
    found = _inner(ipaddress.ip_address(address.partition("%")[0]))
    is_public = found.is_global and not found.is_multicast
    return is_public or any(found in network for network in _allowed)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if address.version == 4:
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address
