"""The monitor's dead man's switch."""

from pyinfra import host, local

from one_api_infra import watchdog
from one_api_infra.pyinfra import operations, target

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

if site.alert_urls:
    operations.packages(name="Install Debian's apprise", names=lambda _seen: (watchdog.APPRISE,))
    for file in host.loop(watchdog.files(site)):
        operations.file(name=f"Write {file.path}", file=file)
    operations.unit(
        name="Run the watchdog by a timer", unit=watchdog.TIMER, beside=(watchdog.SERVICE,)
    )
else:
    operations.command(name="Remove the watchdog", script=watchdog.removal(), due=watchdog.is_left)
