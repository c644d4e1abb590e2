"""Level 2: whether the CAA records of the names let our CA issue a certificate.

Sources: RFC 8659 (CAA), RFC 8657 (accounturi, validationmethods).
"""

import re

from one_api_infra.checks.observation import Caa, Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.unobserved import observed

METHODS = re.compile(r"validationmethods=([^;]*)")


def _caa(observation: Observation) -> Finding:
    allowed = set(observation.target.ca_identities)
    if not allowed:
        return Skip(_("the CA is not known"))
    for each in observation.caa:
        if each.error:
            values = {"at": each.at, "error": each.error}
            return Found("silent", f"{each.at} CAA: {each.error}", values)
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


def _account(observation: Observation) -> Finding:
    account = observed(observation.on_server.acme_account)
    if not account:
        return Skip(_("the ACME account is not known"))
    allowed = set(observation.target.ca_identities)
    for each in observation.caa:
        ours = [value for _f, tag, value in each.records
                if tag.lower() == "issue"
                and value.partition(";")[0].strip() in allowed]  # fmt: skip
        is_bound = all("accounturi=" in value.replace(" ", "") for value in ours)
        if ours and is_bound and not any(account in value for value in ours):
            values = {"at": each.at, "account": account}
            return Found("other", _caa_shown(each), values)
    return None


def _caa_shown(caa: Caa) -> str:
    return "; ".join(f'{caa.at} CAA {flags} {tag} "{value}"' for flags, tag, value in caa.records)


CHECKS = (
    Check(
        "dns.caa",
        Level.DNS,
        N_("CAA records allow the CA"),
        {
            "forbidden": Fault(
                N_("the CAA record at {at} allows {found}, not {ca}: no certificate is issued"),
                N_('add to {at}: CAA 0 issue "{ca}"'),
            ),
            "silent": Fault(
                N_("the DNS of {at} does not answer who asks for its CAA records: {error}"),
                N_(
                    "wait, and run it again; if it stays so, let the DNS host mend it (`dig {at}"
                    " CAA`), or take the domain to another: no CA issues a certificate then"
                ),
                is_warning=True,
            ),
            "method": Fault(
                N_("the CAA record at {at} lets the CA issue by {methods}, not by {challenge}"),
                N_("put {challenge} into its validationmethods, or leave them out"),
            ),
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
