"""The agent that records, replays and reconciles payment callbacks."""

from pyinfra import host, local

from one_api_infra.callbacks import units
from one_api_infra.pyinfra import operations, target
from one_api_infra.server import paths
from one_api_infra.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

if units.is_wanted(site):
    operations.user(
        name=_("Make the user {user}", user=units.USER), user=units.USER, home=paths.CALLBACKS
    )
    for file in host.loop(units.files(site)):
        operations.file(name=_("Write {path}", path=file.path), file=file)
    operations.unit(
        name=_("Run the callbacks' agent by a timer"), unit=units.TIMER, beside=(units.SERVICE,)
    )
else:
    operations.command(
        name=_("Remove the callbacks' agent"),
        script=paths.agent("callbacks-remove"),
        due=lambda seen: units.is_left(site, seen),
    )
