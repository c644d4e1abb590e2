"""Level 2: every resolver that a gateway could ask leads to this server.

Sources: RFC 8659 (CAA), RFC 8657 (accounturi), RFC 4035 4.3 (bogus answers), cloudflare.com/ips.
"""

import ipaddress
import re
from collections.abc import Iterable
from itertools import chain

from one_api_infra.checks.observation import Asked, Caa, Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.shared import cloudflare
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.unobserved import observed

CDN = {"Cloudflare": tuple(map(ipaddress.ip_network, cloudflare.RANGES))}
METHODS = re.compile(r"validationmethods=([^;]*)")
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
        if any(each.addresses for each in here):
            continue
        silent = all(each.error == "timeout" for each in here)
        values = {"name": name, "here": _here(observation, 4)}
        return Found("silent" if silent else "missing", _shown(here), values)
    return None


def _here(observation: Observation, version: int) -> str:
    """The address that a record should have, as far as it is known."""
    known = (a for a in observation.target.addresses if (":" in a) == (version == 6))
    return next(known, _("this server's address"))


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
            if _plain(address) not in here and not _may_stand_before(observation, each, address):
                return _elsewhere(observation, each, address)
    return None


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
        answers = {frozenset(each.addresses) for each in asked if each.role != "authoritative"}
        first = {frozenset(each.addresses) for each in asked if each.role == "authoritative"}
        if len(answers) > 1:
            return Found("differ", _shown(asked), {"name": name})
        if first and answers and first != answers:
            return Found("stale", _shown(asked), {"name": name})
    return None


def _authoritative(observation: Observation) -> Finding:
    for name in observation.target.domains:
        asked = [
            each for each in observation.asked if each.name == name and each.role == "authoritative"
        ]
        for each in asked:
            if each.error and each.error != "NXDOMAIN" and not each.addresses:
                return Found("silent", _shown([each]), {"server": each.by, "name": name})
        whole = [each for each in asked if each.is_whole]
        if len({frozenset(each.addresses) for each in whole}) > 1:
            return Found("differ", _shown(asked), {"name": name})
    return None


def _caa(observation: Observation) -> Finding:
    allowed = set(observation.target.ca_identities)
    if not allowed:
        return Skip(_("the CA is not known"))
    for each in observation.caa:
        issuers = [value.partition(";")[0].strip() for _f, tag, value in each.records
                   if tag.lower() == "issue"]  # fmt: skip
        if issuers and not allowed & set(issuers):
            ca = observation.target.ca_identities[0]
            values = {"name": each.name, "at": each.at, "ca": ca, "found": ", ".join(issuers)}
            return Found("forbidden", _caa_shown(each), values)
        if methods := _other_methods(each, allowed, observation.target.challenge):
            values = {"at": each.at, "methods": methods, "challenge": observation.target.challenge}
            return Found("method", _caa_shown(each), values)
    return None


def _other_methods(caa: Caa, allowed: set[str], challenge: str) -> str:
    """The methods to which records bind our CA, if ours is none of them (RFC 8657, 4)."""
    found = [
        METHODS.search(value)
        for _flags, tag, value in caa.records
        if tag.lower() == "issue" and value.partition(";")[0].strip() in allowed
    ]
    named = [each[1].strip() for each in found if each]
    is_free = len(named) < len(found) or any(challenge in each.split(",") for each in named)
    return "" if is_free else ", ".join(named)


def _delegation(observation: Observation) -> Finding:
    if not observation.target.is_proved_by_dns:
        return Skip(_("the names are proved by http-01"))
    for each in observation.delegations:
        if each.error:
            values = {"name": each.name, "to": each.to, "error": each.error}
            return Found("dangling", f"_acme-challenge.{each.name} CNAME {each.to}", values)
    return None


def _account(observation: Observation) -> Finding:
    account = observed(observation.on_server.acme_account)
    if not account:
        return Skip(_("the ACME account is not known"))
    for each in observation.caa:
        bound = [value for _f, tag, value in each.records if tag.lower() == "issue"
                 and "accounturi=" in value.replace(" ", "")]  # fmt: skip
        if bound and not any(account in value for value in bound):
            values = {"at": each.at, "account": account}
            return Found("other", _caa_shown(each), values)
    return None


def _caa_shown(caa: Caa) -> str:
    return "; ".join(f'{caa.at} CAA {flags} {tag} "{value}"' for flags, tag, value in caa.records)


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
            "elsewhere": Fault(N_("the {kind} record of {name} leads to {address}"), POINT),
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
        "dns.caa",
        Level.DNS,
        N_("CAA records allow the CA"),
        {
            "forbidden": Fault(
                N_("the CAA record at {at} allows {found}, not {ca}: no certificate is issued"),
                N_('add to {at}: CAA 0 issue "{ca}"'),
            ),
            "method": Fault(
                N_("the CAA record at {at} lets the CA issue by {methods}, not by {challenge}"),
                N_("put {challenge} into its validationmethods, or leave them out"),
            ),
        },
        _caa,
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
    Check(
        "dns.caa_account",
        Level.DNS,
        N_("A CAA record that names an ACME account names ours"),
        {
            "other": Fault(
                N_("the CAA record at {at} names another ACME account than {account}"),
                N_("put accounturi={account} into the record, or leave accounturi out"),
            )
        },
        _account,
        ("dns.caa",),
    ),
)
