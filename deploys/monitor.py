"""The monitor: the checks every few minutes, alerts, metrics, a sign of life."""

from pyinfra import local

from one_api_infra.desired import monitor
from one_api_infra.remote import operations, target
from one_api_infra.shared import paths, units
from one_api_infra.shared.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

operations.user(
    name=_("Make the user {user}", user=monitor.USER), user=monitor.USER, home=paths.MONITOR
)
operations.files(
    name=_("Write the monitor's files"), files=monitor.files(site), absent=monitor.absent(site)
)
operations.unit(
    name=_("Run the monitor by a timer"),
    unit=units.MONITOR_TIMER,
    beside=(units.MONITOR, units.OBSERVE, units.LOOK),
)
