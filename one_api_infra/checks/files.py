"""What the deploy has left on the server is there as it was left: files, folders, units."""

from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level
from one_api_infra.shared import units
from one_api_infra.shared.texts import N_
from one_api_infra.shared.unobserved import observed

WRITE = N_("`pyinfra inventory.py deploys/site.py` puts back what is ours")
# Units with a check of their own, which says what their rest means.
WATCHED = frozenset({
    units.NGINX, units.ONE_API, units.CALLBACKS_TIMER, units.CERTIFICATE_TIMER,
    units.FIREWALL, units.MONITOR_TIMER, units.WATCHDOG_TIMER,
})  # fmt: skip
START = N_("`systemctl enable --now {unit}`")


def _files(observation: Observation) -> Finding:
    odd = observed(observation.on_server.deviations)
    if not odd:
        return None
    evidence = ", ".join(f"{each.path} ({each.fault})" for each in odd[:10])
    return Found(odd[0].fault, evidence, {"path": odd[0].path})


def _nginx(observation: Observation) -> Finding:
    return None if observed(observation.on_server.nginx).is_as_written else Found("changed")


def _services(observation: Observation) -> Finding:
    return _idle(observation, {"masked", "gone", "disabled"})


def _services_run(observation: Observation) -> Finding:
    return _idle(observation, {"stopped"}, told_elsewhere=WATCHED)


def _idle(
    observation: Observation, states: set[str], told_elsewhere: frozenset[str] = frozenset()
) -> Finding:
    units = observed(observation.on_server.idle_units).items()
    idle = {unit: state for unit, state in units if unit not in told_elsewhere}
    evidence = ", ".join(map(" ".join, idle.items()))
    found = ((unit, state) for unit, state in idle.items() if state in states)
    return next((Found(state, evidence, {"unit": unit}) for unit, state in found), None)


def _users(observation: Observation) -> Finding:
    gone = observed(observation.on_server.lacking).users
    return Found("gone", " ".join(gone), {"user": gone[0]}) if gone else None


def _packages(observation: Observation) -> Finding:
    gone = " ".join(observed(observation.on_server.lacking).packages)
    return Found("gone", gone, {"names": gone}) if gone else None


def _drop_ins(observation: Observation) -> Finding:
    for path, unit in observed(observation.on_server.drop_ins).items():
        return Found("changed", path, {"path": path, "unit": unit})
    return None


FILES = Check(
    "system.files",
    Level.HOST,
    N_("Every file and folder of ours is as the deploy has left it"),
    {
        "gone": Fault(N_("{path} is gone"), WRITE),
        "changed": Fault(N_("{path} is not what the deploy wrote there"), WRITE),
        "rights": Fault(N_("{path} has another owner or other rights than the deploy gave"), WRITE),
    },
    _files,
)
USERS = Check(
    "system.users",
    Level.HOST,
    N_("Every user of ours is there"),
    {"gone": Fault(N_("the user {user} is gone: what runs as it does not start again"), WRITE)},
    _users,
)
PACKAGES = Check(
    "system.packages",
    Level.HOST,
    N_("Every Debian package that the site needs is installed"),
    {
        "gone": Fault(
            N_("packages were removed: {names}"),
            N_("`apt-get install -y --no-install-recommends {names}`"),
        )
    },
    _packages,
)
DROP_INS = Check(
    "system.drop_ins",
    Level.FLOW,
    N_("Nobody has changed how our units run"),
    {
        "changed": Fault(
            N_("{path} changes how {unit} runs, and is not ours"),
            N_(
                "`rm {path}`, `systemctl daemon-reload`, `systemctl restart {unit}`; if it is meant"
                ' so: "waive": ["system.drop_ins"]'
            ),
            is_warning=True,
        )
    },
    _drop_ins,
)
NGINX = Check(
    "nginx.files",
    Level.FLOW,
    N_("nginx' configuration is what the deploy wrote"),
    {
        "changed": Fault(
            N_("somebody edited nginx' configuration of the site"),
            N_(
                "`pyinfra inventory.py deploys/nginx.py` puts it back; what is your own goes into"
                " files of your own"
            ),
        )
    },
    _nginx,
)
SERVICES = Check(
    "system.services",
    Level.HOST,
    N_("Every unit of ours is enabled: it starts with the server"),
    {
        "masked": Fault(
            N_("{unit} is masked"), N_("`systemctl unmask {unit}`, `systemctl enable --now {unit}`")
        ),
        "gone": Fault(N_("{unit} is gone"), WRITE),
        "disabled": Fault(N_("{unit} does not start with the server"), START),
    },
    _services,
)
SERVICES_RUN = Check(
    "system.services_run",
    Level.FLOW,
    N_("Every unit of ours runs"),
    {"stopped": Fault(N_("{unit} does not run"), START)},
    _services_run,
)
