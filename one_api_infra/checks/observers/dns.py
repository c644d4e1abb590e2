"""Asking DNS: this machine's resolver, public ones, and the zone's own servers."""

import contextlib
import ipaddress
import itertools
from collections.abc import Iterator, Sequence
from functools import cache, partial

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.CAA import CAA

from one_api_infra.checks.observation import ALIAS, Asked, Caa, Delegation, Names, Target
from one_api_infra.checks.observers.together import together

SECONDS = 2.4  # for one question, all tries
TRIES = 3
TOTAL = 6.0
TOP = 2  # labels of a top-level domain, the root's among them
AUTHORITATIVE = 4  # the most that are asked
OWN = "resolv.conf"
NO_ANSWER = (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN)


def gather(target: Target) -> Names:
    """Ask everybody at once."""
    everybody = [*_own(target), *_public(target)]
    questions = [
        (name, role, by)
        for name in target.domains
        for role, by in [*everybody, *_zone_servers(target, name)]
    ]
    looks = [partial(ask, name, role, by) for name, role, by in questions]
    late = [Asked(name, role, by, error="timeout") for name, role, by in questions]
    asked = tuple(together(looks, late, TOTAL))
    resolver = target.resolvers[0] if target.resolvers else None
    names = target.domains
    caa = together([partial(_caa, name, resolver) for name in names], [None] * len(names), TOTAL)
    # Servers of the zone do not validate: one that refuses says nothing of DNSSEC.
    told = [each for each in asked if each.role != "authoritative"]
    failed = {(each.name, each.by) for each in told if each.error == "SERVFAIL"}
    bogus = {name for name, by in sorted(failed) if _is_bogus(name, by)}
    where = names if target.is_proved_by_dns else ()
    delegated = [partial(_delegation, name, resolver) for name in where]
    sent = together(delegated, [None] * len(delegated), TOTAL)
    delegations = tuple(each for each in sent if each)
    return Names(asked, tuple(each for each in caa if each), tuple(sorted(bogus)), delegations)


def addresses(names: Sequence[str], resolvers: Sequence[str] = ()) -> tuple[Asked, ...]:
    """The A and AAAA records of each name, by the first of ``resolvers`` or this machine's."""
    by = resolvers[0] if resolvers else None
    return tuple(ask(name, "own", by or "") for name in names)


def ask(name: str, role: str, by: str) -> Asked:
    """The A and AAAA records of a name by one server; an empty ``by`` is this machine's own."""
    shown = by or OWN
    found: list[str] = []
    error = ""
    for kind in ("A", "AAAA"):
        try:
            answer = _resolver(by).resolve(f"{name}.", kind, search=False)
        except dns.resolver.NXDOMAIN:
            return Asked(name, role, shown, error="NXDOMAIN")
        except dns.resolver.NoAnswer as none:
            # The servers of its zone know that it leads into another, and no more.
            is_alias = role == "authoritative" and none.kwargs["response"].answer
            error = ALIAS if is_alias else error
        except dns.resolver.NoNameservers:
            error = "SERVFAIL"
        except dns.exception.Timeout:
            return Asked(name, role, shown, tuple(found), "timeout")
        except (dns.exception.DNSException, OSError, ValueError) as failure:
            error = type(failure).__name__
        else:
            found += [str(ipaddress.ip_address(record.to_text())) for record in answer]
    return Asked(name, role, shown, tuple(sorted(found)), error)


def _resolver(by: str | None) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=not by)
    if by:
        resolver.nameservers = [by]
    resolver.timeout = SECONDS / TRIES  # a lost packet is no silence
    resolver.lifetime = SECONDS
    return resolver


@cache
def _of_zones(by: str | None) -> dns.resolver.Resolver:
    """A resolver that asks for what the names of one zone share once, while its time to live lasts.

    A run over many servers asks for it for each.
    """
    resolver = _resolver(by)
    resolver.cache = dns.resolver.Cache()
    return resolver


def _own(target: Target) -> list[tuple[str, str]]:
    return [] if target.lab else [("own", "")]


def _public(target: Target) -> list[tuple[str, str]]:
    # In the lab its resolver is everybody's; elsewhere the public ones are asked beside our own.
    roles = itertools.cycle(["own", "public"] if target.lab else ["public"])
    return list(zip(roles, target.resolvers, strict=False))


def _zone_servers(target: Target, name: str) -> list[tuple[str, str]]:
    """The addresses of the own servers of a name's zone."""
    resolver = _of_zones(target.resolvers[0] if target.lab and target.resolvers else None)
    found: list[str] = []
    with contextlib.suppress(dns.exception.DNSException, OSError):
        zone = dns.resolver.zone_for_name(f"{name}.", resolver=resolver, lifetime=SECONDS)
        for record in resolver.resolve(zone, "NS"):
            with contextlib.suppress(dns.exception.DNSException):
                found.append(str(resolver.resolve(record.target, "A")[0]))
    return [("authoritative", address) for address in found[:AUTHORITATIVE]]


def _caa(name: str, by: str | None) -> Caa | None:
    """The closest CAA set at or above a name (RFC 8659, 3)."""
    for parent in _parents(name):
        is_shared = parent != f"{name}."
        try:
            resolver = _of_zones(by) if is_shared else _resolver(by)
            answer = resolver.resolve(parent, "CAA", search=False)
        except NO_ANSWER:
            continue
        except dns.resolver.NoNameservers:
            return Caa(name, parent.rstrip("."), error="SERVFAIL")
        except dns.exception.Timeout:
            return Caa(name, parent.rstrip("."), error="timeout")
        except (dns.exception.DNSException, OSError):
            return None
        records = tuple(
            (record.flags, record.tag.decode("ascii", "replace"),
             record.value.decode("ascii", "replace"))
            for record in answer if isinstance(record, CAA)
        )  # fmt: skip
        return Caa(name, parent.rstrip("."), records)
    return None


def _delegation(name: str, by: str | None) -> Delegation | None:
    """Where the challenge of a name is looked for, if its DNS sends who asks elsewhere."""
    resolver, place = _resolver(by), f"_acme-challenge.{name}."
    try:
        answer = resolver.resolve(place, "TXT", search=False, raise_on_no_answer=False)
        to = answer.canonical_name
    except dns.resolver.NXDOMAIN as none:
        to = none.canonical_name
    except (dns.exception.DNSException, OSError):
        return _lame(name, place, resolver)
    if to.to_text() == place:
        return None
    zone = _zone(to, resolver)
    error = "NXDOMAIN" if zone and len(zone.labels) <= TOP else ""
    return Delegation(name, to.to_text(omit_final_dot=True), error)


def _lame(name: str, place: str, resolver: dns.resolver.Resolver) -> Delegation | None:
    """A CNAME into a zone that does not answer; None where that is not the reason."""
    with contextlib.suppress(dns.exception.DNSException, OSError):
        (record,) = resolver.resolve(place, "CNAME", search=False)
        return Delegation(name, record.target.to_text(omit_final_dot=True), "SERVFAIL")
    return None


def _zone(name: dns.name.Name, resolver: dns.resolver.Resolver) -> dns.name.Name | None:
    """Its zone: one of a top-level domain itself is nobody's; None where DNS does not say."""
    with contextlib.suppress(dns.exception.DNSException, OSError):
        return dns.resolver.zone_for_name(name, resolver=resolver, lifetime=SECONDS)
    return None


def _parents(name: str) -> Iterator[str]:
    labels = name.split(".")
    for start in range(len(labels)):
        yield ".".join(labels[start:]) + "."


def _is_bogus(name: str, by: str) -> bool:
    """Whether a resolver answers as soon as it need not validate, and refuses the name again."""
    server = str(_resolver("" if by == OWN else by).nameservers[0])
    answers = [_rcode(name, server, flags) for flags in (dns.flags.CD, 0)]
    return answers == [dns.rcode.NOERROR, dns.rcode.SERVFAIL]


def _rcode(name: str, server: str, flags: int) -> int | None:
    """How a server answers; None if it does not."""
    query = dns.message.make_query(f"{name}.", "A")
    query.flags |= flags
    try:
        return int(dns.query.udp(query, server, timeout=SECONDS).rcode())
    except (dns.exception.DNSException, OSError, ValueError):
        return None
