"""Level 7: the certificate renews itself, and would do so today."""

from typing import Any

from one_api_infra.checks import attempts
from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.shared import certificate
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.unobserved import observed

REHEARSAL_SECONDS = 3 * 86400  # three of its daily runs
RENEWAL_SECONDS = 36 * 3600  # the timer's two runs a day, missed three times
NOTES = N_("`pyinfra inventory.py deploys/certificate.py` obtains it anew, and writes them")
CERTBOT = N_("read `journalctl -u one-api-certificate`, then `systemctl start one-api-certificate`")


def _from_elsewhere() -> Skip:
    return Skip(_("the certificate comes from elsewhere"))


def _timer(observation: Observation) -> Finding:
    renewal = observed(observation.on_server.renewal)
    if renewal is None:
        return _from_elsewhere()
    return None if renewal.is_active and renewal.is_enabled else Found("stopped")


def _renewal(observation: Observation) -> Finding:
    renewal = observed(observation.on_server.renewal)
    if renewal is None:
        return _from_elsewhere()
    # systemd forgets its result at a reboot, and while the next try is under way.
    if renewal.result != "success" or (renewal.last and renewal.last.reason):
        return attempts.found(renewal.last, renewal.result, "certificate")
    age = observation.now - renewal.ran if renewal.ran else 0
    if age > RENEWAL_SECONDS and observation.on_server.uptime > RENEWAL_SECONDS:
        return Found("old", "", {"hours": round(age / 3600)})
    return None


def _rehearsal(observation: Observation) -> Finding:
    renewal = observed(observation.on_server.renewal)
    if renewal is None:
        return _from_elsewhere()
    last = renewal.rehearsal
    if last is None:
        return Skip(_("the renewal was not rehearsed yet"))
    if last.reason:
        return attempts.found(last, last.words, "rehearsal")
    age = observation.now - last.at
    if age > REHEARSAL_SECONDS and observation.on_server.uptime > REHEARSAL_SECONDS:
        return Found("old", "", {"hours": round(age / 3600)})
    return None


def _notes(observation: Observation) -> Finding:
    renewal = observed(observation.on_server.renewal)
    if renewal is None:
        return _from_elsewhere()
    known = {key: renewal.notes[key] for key in (certificate.PROFILE,) if key in renewal.notes}
    wanted = {"authenticator": renewal.authenticator, **known}
    odd = certificate.differing(wanted, renewal.notes)
    for key, value in odd.items():
        return Found("differs", f"{key} = {value}", {"key": key, "value": value})
    if not renewal.notes:
        return Found("gone")
    return None if renewal.has_account else Found("account")


def _hook(observation: Observation) -> Finding:
    renewal = observed(observation.on_server.renewal)
    if renewal is None:
        return _from_elsewhere()
    if not renewal.hook.ok:
        return Found("failed", renewal.hook.message)
    return None if renewal.hook.can_run else Found("missing")


def _check(name: str, means: str, faults: dict[str, Fault], judge: Any) -> Check:
    return Check(name, Level.FLOW, means, faults, judge)


CHECKS = (
    _check(
        "certificate.timer",
        N_("The timer of the renewal is enabled and runs"),
        {
            "stopped": Fault(
                N_("one-api-certificate.timer does not run: nothing renews the certificate"),
                N_("`systemctl enable --now one-api-certificate.timer`"),
            )
        },
        _timer,
    ),
    _check(
        "certificate.renewal",
        N_("The last renewal was tried lately, and did not fail"),
        {
            **attempts.FAULTS,
            "old": Fault(N_("the last renewal was tried {hours} hours ago"), CERTBOT),
        },
        _renewal,
    ),
    _check(
        "certificate.notes",
        N_("certbot renews the certificate as the deploy obtained it"),
        {
            "differs": Fault(
                N_("certbot's notes on the certificate were changed: {key} = {value}"), NOTES
            ),
            "gone": Fault(N_("certbot's notes on the certificate are gone"), NOTES),
            "account": Fault(N_("the account with which certbot would renew is gone"), NOTES),
        },
        _notes,
    ),
    _check(
        "certificate.rehearsal",
        N_("The next renewal would succeed: it was tried at the CA's staging server"),
        {
            **attempts.REHEARSED,
            "old": Fault(
                N_("the renewal was last rehearsed {hours} hours ago"),
                N_("`systemctl enable --now one-api-rehearsal.timer`"),
            ),
        },
        _rehearsal,
    ),
    _check(
        "certificate.hook",
        N_("The deploy hook can run, and its last run succeeded"),
        {
            "failed": Fault(
                N_("the deploy hook failed: nginx was not given the new certificate"), CERTBOT
            ),
            "missing": Fault(
                N_("the deploy hook cannot run: nginx would not be given a new certificate"),
                N_("`pyinfra inventory.py deploys/certificate.py` writes it anew"),
            ),
        },
        _hook,
    ),
)
