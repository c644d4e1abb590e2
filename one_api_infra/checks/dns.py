"""Level 2: every resolver that a gateway could ask leads to this server.

Sources: RFC 8659 (CAA), RFC 8657 (accounturi), RFC 4035 4.3 (bogus answers), cloudflare.com/ips.
"""

import ipaddress
from collections.abc import Iterable

from one_api_infra.checks.observation import Asked, Caa, Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.shared.server_observation import observed
from one_api_infra.shared.texts import N_, _

CDN = {
    "Cloudflare": (
        "173.245.48.0/20 103.21.244.0/22 103.22.200.0/22 103.31.4.0/22 141.101.64.0/18"
        " 108.162.192.0/18 190.93.240.0/20 188.114.96.0/20 197.234.240.0/22 198.41.128.0/17"
        " 162.158.0.0/15 104.16.0.0/13 104.24.0.0/14 172.64.0.0/13 131.0.72.0/22 2400:cb00::/32"
        " 2606:4700::/32 2803:f800::/32 2405:b500::/32 2405:8100::/32 2a06:98c0::/29 2c0f:f248::/32"
    )
}
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
        if any(parsed in ipaddress.ip_network(each) for each in ranges.split()):
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
            if _plain(address) not in here:
                return _elsewhere(observation, each, address)
    return None


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
            )
        },
        _caa,
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
