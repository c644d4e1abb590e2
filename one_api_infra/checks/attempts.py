"""The faults of a renewal, and of its rehearsal: one for each of certbot's reasons."""

from collections.abc import Mapping
from dataclasses import replace

from one_api_infra.checks.verdict import Fault, Found
from one_api_infra.shared import acme
from one_api_infra.shared.acme import Attempt
from one_api_infra.shared.texts import N_

# Such a one passes by itself; the next attempt may succeed.
PASSING = {"ca", "limited"}
FAULTS: Mapping[str, Fault] = {
    "provider": Fault(
        N_("the DNS provider does not take the CA's challenge: {words}"),
        N_(
            'correct "acme_dns_provider" and "acme_dns_credentials" (lego\'s page of the provider'
            " names them), let the server reach the provider; then"
            " `pyinfra inventory.py deploys/certificate.py`, `{again}`"
        ),
    ),
    "txt": Fault(
        N_("the CA does not find the challenge in DNS: {words}"),
        N_(
            'raise "acme_dns_seconds" until all the provider\'s servers show a new record; then'
            " `pyinfra inventory.py deploys/certificate.py`, `{again}`"
        ),
    ),
    "account": Fault(
        N_("the CA does not know certbot's account any more: {words}"),
        N_(
            "`rm -r /etc/one-api-infra/letsencrypt/accounts`, then"
            " `pyinfra inventory.py deploys/certificate.py` registers a new one; `{again}`"
        ),
    ),
    "plugin": Fault(
        N_("certbot would renew in another way than the deploy set: {words}"),
        N_("`pyinfra inventory.py deploys/certificate.py` sets it right; `{again}`"),
    ),
    "limited": Fault(
        N_("the CA's limit is reached: {words}"),
        N_("wait until the time that the CA names; the next run then succeeds by itself"),
    ),
    "caa": Fault(
        N_("CAA records of the domain forbid the CA: {words}"),
        N_("set the domain's CAA record as the check dns.caa says, then `{again}`"),
    ),
    "caa_silent": Fault(
        N_("the domain's DNS does not answer the CA's question for CAA records: {words}"),
        N_("wait, then `{again}`; if it stays so, let the DNS host mend it, or change to another"),
    ),
    "dns_silent": Fault(
        N_("the domain's DNS does not answer the CA: {words}"),
        N_("wait, then `{again}`; if it stays so, let the DNS host mend it, or change to another"),
    ),
    "dns": Fault(
        N_("the CA cannot look up the domain: {words}"),
        N_("let the domain's A and AAAA records name this server, then `{again}`"),
    ),
    "closed": Fault(
        N_("the CA cannot connect to port 80: {words}"),
        N_(
            "open TCP 80 in the cloud's security group; `systemctl restart nginx`,"
            " `systemctl reload-or-restart one-api-firewall`, `{again}`"
        ),
    ),
    "challenge": Fault(
        N_("the CA got another answer than its challenge: {words}"),
        N_(
            "`pyinfra inventory.py deploys/nginx.py`, `{again}`; if it stays so, another server or"
            " a CDN answers for the domain on port 80"
        ),
    ),
    "ca": Fault(
        N_("the server gets no connection to the CA: {words}"),
        N_("let the server reach the internet on port 443, and look up names; then `{again}`"),
    ),
    "writing": Fault(
        N_("certbot cannot write its files: {words}"),
        N_("`pyinfra inventory.py deploys/site.py` sets the rights; free space; `{again}`"),
    ),
    "failed": Fault(
        N_("certbot failed: {words}"),
        N_("read `journalctl -u {unit}`, mend what it says, then `{again}`"),
    ),
}
REHEARSED = {name: replace(fault, is_warning=name in PASSING) for name, fault in FAULTS.items()}


def found(last: Attempt | None, otherwise: str, unit: str) -> Found:
    """What an attempt of ``one-api-UNIT.service`` failed of; ``otherwise`` where none was left."""
    reason, words = (last.reason, acme.detail(last.words)) if last else ("", "")
    names = {"unit": f"one-api-{unit}", "again": f"systemctl start one-api-{unit}"}
    return Found(reason or "failed", words or otherwise, names | {"words": words or otherwise})
