"""The agent that records, replays and reconciles payment callbacks."""

from pyinfra import host, local

from one_api_infra.callbacks import units
from one_api_infra.pyinfra import operations, target
from one_api_infra.server import paths

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

if units.is_wanted(site):
    operations.user(name=f"Make the user {units.USER}", user=units.USER, home=paths.CALLBACKS)
    for file in host.loop(units.files(site)):
        operations.file(name=f"Write {file.path}", file=file)
    operations.unit(
        name="Run the callbacks' agent by a timer", unit=units.TIMER, beside=(units.SERVICE,)
    )
else:
    operations.command(
        name="Remove the callbacks' agent",
        script=paths.agent("callbacks-remove"),
        due=lambda seen: units.is_left(site, seen),
    )
