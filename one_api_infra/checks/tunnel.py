"""Level 7: developers' tunnels, as far as this server is concerned."""

from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Note, Skip
from one_api_infra.shared.server_observation import TunnelState
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.unobserved import observed

DEPLOY = N_("`pyinfra inventory.py deploys/tunnel.py`")


def _ready(observation: Observation) -> Finding:
    found = observed(observation.on_server.tunnels)
    if not found:
        return Skip(_("there are no tunnels"))
    for each in found:
        if fault := _fault(each):
            values = {"name": each.name, "domain": each.domain, "user": each.user}
            return Found(fault, "", values)
    return Note(", ".join(map(_words, found)))


def _fault(each: TunnelState) -> str:
    if not each.has_rules:
        return "rules"
    if each.is_barred:
        return "barred"
    if not each.has_certificate:
        return "certificate"
    return "" if each.is_served else "served"


def _words(each: TunnelState) -> str:
    if each.is_open:
        return _("{name} is connected", name=each.name)
    return _("{name} is away", name=each.name)


CHECKS = (
    Check(
        "tunnel.is_ready",
        Level.FLOW,
        N_("Each tunnel has its certificate, and sshd lets its developer forward and no more"),
        {
            "rules": Fault(
                N_("sshd has other rules for {user} than those of the tunnel {name}"),
                N_(
                    "`pyinfra inventory.py deploys/tunnel.py`; if it stays so, let"
                    " /etc/ssh/sshd_config begin with the line Include"
                    " /etc/ssh/sshd_config.d/*.conf, then `systemctl reload ssh`"
                ),
            ),
            "barred": Fault(
                N_("sshd lets {user} not in: AllowUsers, AllowGroups, DenyUsers or DenyGroups"),
                N_("add {user} to that line of /etc/ssh/sshd_config, `systemctl reload ssh`"),
            ),
            "certificate": Fault(N_("{domain} has no certificate that can be served"), DEPLOY),
            "served": Fault(
                N_("nginx serves another certificate for {domain} than the one on disk"), DEPLOY
            ),
        },
        _ready,
    ),
)
