"""What the deploy has left on the server is there as it was left: files, folders, units."""

from one_api_infra.checks.observation import Observation
from one_api_infra.checks.server import told
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level
from one_api_infra.texts import N_

WRITE = N_("`pyinfra inventory.py deploys/site.py` puts back what is ours")
START = N_("`systemctl enable --now {unit}`")


def _files(seen: Observation) -> Finding:
    odd = told(seen.told.deviations)
    if not odd:
        return None
    evidence = ", ".join(f"{each.path} ({each.fault})" for each in odd[:10])
    return Found(odd[0].fault, evidence, {"path": odd[0].path})


def _nginx(seen: Observation) -> Finding:
    return None if told(seen.told.nginx).is_as_written else Found("changed")


def _services(seen: Observation) -> Finding:
    idle = told(seen.told.idle_units)
    for unit, state in idle.items():
        return Found(state, ", ".join(map(" ".join, idle.items())), {"unit": unit})
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
    Level.FLOW,
    N_("Every unit of ours is enabled and runs"),
    {
        "masked": Fault(
            N_("{unit} is masked"), N_("`systemctl unmask {unit}`, `systemctl enable --now {unit}`")
        ),
        "gone": Fault(N_("{unit} is gone"), WRITE),
        "disabled": Fault(N_("{unit} does not start with the server"), START),
        "stopped": Fault(N_("{unit} does not run"), START),
    },
    _services,
)
