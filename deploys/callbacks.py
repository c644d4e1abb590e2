"""The callback service that records, replays and reconciles payment callbacks."""

from pyinfra import local

from one_api_infra.desired import callbacks
from one_api_infra.remote import operations, target
from one_api_infra.shared import paths, units
from one_api_infra.shared.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

if callbacks.is_wanted(site):
    operations.user(
        name=_("Make the user {user}", user=callbacks.USER),
        user=callbacks.USER,
        home=paths.CALLBACKS,
    )
    operations.files(name=_("Write the callback service's files"), files=callbacks.files(site))
    operations.unit(
        name=_("Run the callback service by a timer"),
        unit=units.CALLBACKS_TIMER,
        beside=(units.CALLBACKS,),
    )
else:
    operations.removal(
        name=_("Remove the callback service"),
        script=paths.agent("callbacks-remove"),
        due=lambda snapshot: callbacks.is_left(site, snapshot),
    )
