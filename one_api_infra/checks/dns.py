"""Level 2: every resolver that a gateway could ask leads to this server.

Sources: RFC 4035 4.3 (bogus answers), cloudflare.com/ips.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from itertools import chain

from one_api_infra.checks import caa
from one_api_infra.checks.observation import ALIAS, Asked, Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.shared import cloudflare
from one_api_infra.shared.texts import N_, _

CDN = {"Cloudflare": tuple(map(ipaddress.ip_network, cloudflare.RANGES))}
# Of proxies that answer DNS themselves (Clash, Surge: "fake-ip"); RFC 2544 keeps it for benchmarks.
FAKE = ipaddress.ip_network("198.18.0.0/15")
POINT = N_("set the {kind} record of {name} to {here}, and remove every other {kind} record")


def _plain(address: str) -> str:
    """One spelling for each address; what is none (a name of ssh's own) stays as it is."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def proxy(address: str) -> str | None:
    """The CDN that an address belongs to."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    for name, ranges in CDN.items():
        if any(parsed in each for each in ranges):
            return name
    return None


def _shown(asked: Iterable[Asked]) -> str:
    return "; ".join(
        f"{each.by}: {each.name} → {', '.join(each.addresses) or each.error or '-'}"
        for each in asked
    )


def _dnssec(observation: Observation) -> Finding:
    for name in observation.bogus:
        return Found("bogus", f"{name}: SERVFAIL; NOERROR with CD", {"name": name})
    return None


def _resolves(observation: Observation) -> Finding:
    if not observation.asked:
        return Skip(_("no resolver was asked"))
    for name in observation.target.domains:
        here = [
            each for each in observation.asked if each.name == name and each.role != "authoritative"
        ]
        if fault := _unusable(observation, name, here):
            return fault
        if any(each.addresses for each in here):
            continue
        silent = all(each.error == "timeout" for each in here)
        values = {"name": name, "here": _here(observation, 4)}
        return Found("silent" if silent else "missing", _shown(here), values)
    return None


def _unusable(observation: Observation, name: str, asked: Sequence[Asked]) -> Found | None:
    """Addresses that are none to go by: a proxy's of the observer's own, or IPv6 ones alone."""
    for each in asked:
        is_ours = each.role == "own" and not observation.target.lab
        if is_ours and any(ipaddress.ip_address(a) in FAKE for a in each.addresses if "." in a):
            return Found("fake", _shown([each]), {"name": name})
    found = {address for each in asked for address in each.addresses}
    if name == observation.target.callback_domain and found and not _family(found, 4):
        values = {"name": name, "here": _here(observation, 4)}
        return Found("no_ipv4", _shown(asked), values)
    return None


def _is_global(address: str) -> bool:
    """Whether the world can reach it; a name of ssh's own is none."""
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def _here(observation: Observation, version: int) -> str:
    """The address that a record should have, as far as it is known."""
    target = observation.target
    known = sorted(_family(target.addresses, version), key=target.addresses.index)
    public = (each for each in known if target.lab or _is_global(each))
    return next(public, _("this server's address"))


def _is_public(observation: Observation) -> Finding:
    if observation.target.lab:
        return Skip(_("the lab's addresses are not public"))
    for each in observation.asked:
        for address in each.addresses:
            if not ipaddress.ip_address(address).is_global:
                kind = "AAAA" if ":" in address else "A"
                here = _here(observation, 6 if ":" in address else 4)
                values = {"name": each.name, "address": address, "kind": kind, "here": here}
                return Found("private", _shown([each]), values)
    return None


def _points_here(observation: Observation) -> Finding:
    if not observation.target.addresses:
        return Skip(_("this server's addresses are not known"))
    here = {_plain(address) for address in observation.target.addresses}
    for each in observation.asked:
        for address in each.addresses:
            is_right = _plain(address) in here or _may_stand_before(observation, each, address)
            if not (is_right or _is_unknown(observation, address)):
                return _elsewhere(observation, each, address)
    return None


def _is_unknown(observation: Observation, address: str) -> bool:
    """Whether the server cannot know by which address of that family the world reaches it."""
    version, target = 6 if ":" in address else 4, observation.target
    return version in target.behind_nat and not _family(target.addresses, version)


def _may_stand_before(observation: Observation, asked: Asked, address: str) -> bool:
    """Whether a trusted proxy may answer for a name: a CDN not for that which gateways call."""
    is_called = asked.name == observation.target.callback_domain
    return observation.target.is_behind(address) and not (is_called and proxy(address))


def _elsewhere(observation: Observation, asked: Asked, address: str) -> Found:
    version = 6 if ":" in address else 4
    values = {
        "name": asked.name,
        "address": address,
        "kind": "AAAA" if version == 6 else "A",
        "here": _here(observation, version),
        "proxy": proxy(address) or "",
    }
    if proxy(address):
        return Found("proxied", _shown([asked]), values)
    known = any((":" in a) == (version == 6) for a in observation.target.addresses)
    return Found("elsewhere" if known else "no_such_family", _shown([asked]), values)


def _is_not_proxied(observation: Observation) -> Finding:
    for address in observation.addresses(observation.target.callback_domain):
        if name := proxy(address):
            values = {"name": observation.target.callback_domain, "proxy": name}
            return Found("proxied", address, values)
    return None


def _resolvers_agree(observation: Observation) -> Finding:
    for name in observation.target.domains:
        asked = [each for each in observation.asked if each.name == name and each.is_whole]
        if any(map(observation.target.is_behind, chain(*(each.addresses for each in asked)))):
            continue  # a CDN tells each resolver other addresses
        answers = _answers(asked)
        first = {frozenset(each.addresses) for each in asked if each.role == "authoritative"}
        if len(answers) > 1:
            return Found("differ", _shown(asked), {"name": name})
        if first and answers and first != answers:
            return Found("stale", _shown(asked), {"name": name})
    return None


def _answers(asked: Iterable[Asked]) -> set[frozenset[str]]:
    """What resolvers say; of the observer's own each family that it tells: some filter AAAA."""
    others = {frozenset(each.addresses) for each in asked if each.role in {"public", "server"}}
    own = {frozenset(each.addresses) for each in asked if each.role == "own"}
    if len(others) != 1:
        return others | own
    (theirs,) = others
    told = {frozenset(_family(theirs, version) or ()) for version in (4, 6)}
    return others | {each for each in own if each not in told or not each}


def _family(addresses: Iterable[str], version: int) -> frozenset[str]:
    """Those of one version of IP."""
    return frozenset(each for each in addresses if (":" in each) == (version == 6))


def _authoritative(observation: Observation) -> Finding:
    for name in observation.target.domains:
        asked = [
            each for each in observation.asked if each.name == name and each.role == "authoritative"
        ]
        for each in asked:
            if each.error not in {"", "NXDOMAIN", ALIAS} and not each.addresses:
                return Found("silent", _shown([each]), {"server": each.by, "name": name})
        whole = [each for each in asked if each.is_whole]
        if len({frozenset(each.addresses) for each in whole}) > 1:
            return Found("differ", _shown(asked), {"name": name})
    return None


def _delegation(observation: Observation) -> Finding:
    if not observation.target.is_proved_by_dns:
        return Skip(_("the names are proved by http-01"))
    for each in observation.delegations:
        if each.error:
            values = {"name": each.name, "to": each.to, "error": each.error}
            return Found("dangling", f"_acme-challenge.{each.name} CNAME {each.to}", values)
    return None


CHECKS = (
    Check(
        "dns.dnssec",
        Level.DNS,
        N_("The zone's DNSSEC signatures are sound"),
        {
            "bogus": Fault(
                N_("resolvers that validate refuse {name}: its DNSSEC signatures are broken"),
                N_("remove the DS record at the registrar, or sign the zone anew at the DNS host"),
            )
        },
        _dnssec,
    ),
    Check(
        "dns.resolves",
        Level.DNS,
        N_("The domain has an address"),
        {
            "missing": Fault(N_("{name} has no address"), N_("add an A record: {name} → {here}")),
            "silent": Fault(
                N_("no resolver answers for {name}"),
                N_("look whether this machine reaches its resolver: `dig {name}`"),
            ),
            "fake": Fault(
                N_(
                    "a proxy on this machine answers for {name} (fake-ip): DNS itself was not asked"
                ),
                N_("leave {name} out of the proxy's fake-ip, or end the proxy, and run it again"),
            ),
            "no_ipv4": Fault(
                N_("{name} has IPv6 addresses alone: gateways that call over IPv4 never arrive"),
                N_("add an A record: {name} → {here}"),
            ),
        },
        _resolves,
        ("dns.dnssec",),
    ),
    Check(
        "dns.authoritative",
        Level.DNS,
        N_("Every authoritative server answers, and all say the same"),
        {
            "silent": Fault(
                N_("{server}, authoritative for {name}, does not answer"),
                N_("mend it at the DNS host, or remove its NS record"),
                is_warning=True,
            ),
            "differ": Fault(
                N_("the authoritative servers of {name} differ"),
                N_("wait for the zone to reach all of them, or see that they serve one zone"),
            ),
        },
        _authoritative,
        ("dns.resolves",),
    ),
    Check(
        "dns.resolvers_agree",
        Level.DNS,
        N_("Public resolvers, this one and the server's say the same"),
        {
            "differ": Fault(
                N_("resolvers differ on {name}: some gateways are led elsewhere"),
                N_("wait for the record's TTL; if it stays so, look for a second zone or view"),
            ),
            "stale": Fault(
                N_("resolvers still hold an old answer for {name}"),
                N_("wait for the record's TTL"),
                is_warning=True,
            ),
        },
        _resolvers_agree,
        ("dns.resolves",),
    ),
    Check(
        "dns.is_public",
        Level.DNS,
        N_("The published addresses are public ones"),
        {"private": Fault(N_("{name} leads to {address}, which is not a public address"), POINT)},
        _is_public,
        ("dns.resolves",),
    ),
    Check(
        "dns.points_here",
        Level.DNS,
        N_("The domain leads to this server and to no other"),
        {
            "elsewhere": Fault(
                N_("the {kind} record of {name} leads to {address}"),
                N_(
                    "set the {kind} record of {name} to {here}, and remove every other {kind}"
                    ' record; if {address} leads here (NAT), add it to "public_addresses"'
                ),
            ),
            "no_such_family": Fault(
                N_("the {kind} record of {name} leads to {address}; this server has no such one"),
                N_("remove the {kind} record of {name}"),
            ),
            "proxied": Fault(
                N_("{name} leads to {proxy} ({address}), which stands before this server"),
                N_(
                    "switch the proxy off for {name} (DNS only), or put a DNS-only name into"
                    ' "callback_domain"; an address that leads here goes into "public_addresses"'
                ),
            ),
        },
        _points_here,
        ("dns.resolves",),
    ),
    Check(
        "dns.is_not_proxied",
        Level.DNS,
        N_("No CDN stands between the gateway and the callback domain"),
        {
            "proxied": Fault(
                N_("{name} leads to {proxy}: its challenges and limits can swallow callbacks"),
                N_("switch the proxy off for {name} (DNS only)"),
                is_warning=True,
            )
        },
        _is_not_proxied,
        ("dns.resolves",),
    ),
    Check(
        "dns.delegation",
        Level.DNS,
        N_("Where another zone takes the challenges of dns-01, that zone is there"),
        {
            "dangling": Fault(
                N_("_acme-challenge.{name} leads to {to}, and no zone answers there: {error}"),
                N_("make that zone at its DNS host, or remove the CNAME of _acme-challenge.{name}"),
            )
        },
        _delegation,
    ),
    *caa.CHECKS,
)
