"""Asking DNS, from the admin's machine."""

import ipaddress
from collections.abc import Sequence

import dns.exception
import dns.resolver

from one_api_infra.preflight import Dns

SECONDS = 5.0


def ask(names: Sequence[str], resolvers: Sequence[str] = ()) -> tuple[Dns, ...]:
    """The A and AAAA records of each name, by ``resolvers`` or this machine's own."""
    resolver = dns.resolver.Resolver(configure=not resolvers)
    if resolvers:
        resolver.nameservers = list(resolvers)
    resolver.lifetime = SECONDS
    return tuple(_ask(resolver, name) for name in names)


def _ask(resolver: dns.resolver.Resolver, name: str) -> Dns:
    found: list[str] = []
    for kind in ("A", "AAAA"):
        try:
            answer = resolver.resolve(f"{name}.", kind)
        except (dns.resolver.NoAnswer, dns.resolver.NoNameservers):
            continue
        except dns.resolver.NXDOMAIN:
            return Dns(name, error="NXDOMAIN")
        except dns.exception.DNSException as error:
            return Dns(name, error=str(error))
        found += [str(ipaddress.ip_address(record.to_text())) for record in answer]
    return Dns(name, tuple(found))
