"""The monitor's dead man's switch."""

from pyinfra import local

from one_api_infra.desired import watchdog
from one_api_infra.remote import operations, target
from one_api_infra.shared import units
from one_api_infra.shared.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

if site.alert_urls:
    operations.packages(
        name=_("Install Debian's apprise"), names=lambda _snapshot: watchdog.packages(site)
    )
    operations.files(name=_("Write the watchdog's files"), files=watchdog.files(site))
    operations.unit(
        name=_("Run the watchdog by a timer"), unit=units.WATCHDOG_TIMER, beside=(units.WATCHDOG,)
    )
else:
    operations.removal(
        name=_("Remove the watchdog"),
        script=watchdog.removal(),
        due=watchdog.is_left,
    )
