"""Asking a gateway over HTTP: no redirect, bounded in size, and at no address of our own networks.

The address is judged on the connection itself: a name may lead elsewhere each time it is asked for.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from one_api_infra.server.callbacks.gateways.gateway import AskError

TIMEOUT = 10  # seconds for each read; the asker bounds the whole
MOST = 64 * 1024  # bytes of an answer that are read
NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_allowed: list[Network] = []


class ForbiddenAddressError(Exception):
    """The gateway's name leads into a private network that the site's settings do not name."""


class HttpAnswer(NamedTuple):
    """What a gateway's server answered."""

    status: int
    body: bytes


def allow(networks: Iterable[str]) -> None:
    """Private networks in which gateways may be: the site's ``gateway_networks``."""
    _allowed[:] = map(ipaddress.ip_network, networks)


def is_allowed(address: str) -> bool:
    """Whether a gateway may be at that address."""
    found = _inner(ipaddress.ip_address(address.partition("%")[0]))
    is_public = found.is_global and not found.is_multicast
    return is_public or any(found in network for network in _allowed)


def fetch(
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
) -> HttpAnswer:
    """The answer; AskError names the kind of failure, and no part of the URL."""
    # Here: who only looks which keys a gateway lacks would wait for it.
    from one_api_infra.server.callbacks.gateways import session  # noqa: PLC0415

    try:
        with (
            session.make() as connection,
            connection.request(
                method, url, params=params, data=data,
                timeout=TIMEOUT, stream=True, allow_redirects=False,
            ) as reply,
        ):  # fmt: skip
            body = bytes(reply.raw.read(MOST, decode_content=True))
            return HttpAnswer(reply.status_code, body)
    except (*session.FAILURES, ForbiddenAddressError, OSError, ValueError) as error:
        raise AskError(type(error).__name__) from None


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if address.version == 4:
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address
