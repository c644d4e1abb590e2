"""An upgrade of One API that is on its way comes to its end."""

from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level
from one_api_infra.shared.texts import N_
from one_api_infra.shared.unobserved import observed
from one_api_infra.shared.upgrade import Phase

WAITS = (Phase.DRAINING, Phase.ENDING)  # for people's streams, as long as `drain_minutes` allow
HANGS_SECONDS = 900


def _goes_on(observation: Observation) -> Finding:
    one_api = observed(observation.on_server.one_api)
    if one_api.upgrade is None:
        return None
    step = one_api.upgrade.phase
    if not one_api.is_upgrading:
        return Found("stopped", step, {"step": step})
    seconds = observation.now - max(one_api.upgrade.began, one_api.upgrade.drains_since)
    if step in WAITS or seconds < HANGS_SECONDS:
        return None
    return Found("hangs", step, {"step": step, "minutes": round(seconds / 60)})


CHECKS = (
    Check(
        "one_api.upgrade",
        Level.APPLICATION,
        N_("An upgrade of One API goes on"),
        {
            "stopped": Fault(
                N_("an upgrade of One API stopped at the step {step}: two instances run"),
                N_("`systemctl start one-api-upgrade`"),
            ),
            "hangs": Fault(
                N_("an upgrade of One API hangs at the step {step} for {minutes} minutes"),
                N_("`systemctl restart one-api-upgrade`; why: `journalctl -u one-api-upgrade`"),
            ),
        },
        _goes_on,
        ("one_api.runs",),
    ),
)
