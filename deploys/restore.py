"""Brings a running site back to a snapshot; `one-api-infra restore` shows it first, and asks."""

from pyinfra import host, local

from one_api_infra.desired import backup
from one_api_infra.remote import operations, target
from one_api_infra.shared.snapshot_choice import LATEST
from one_api_infra.shared.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")
local.include("./backup.py")

operations.command(
    name=_("Restore the site from its backup"),
    script=backup.restore_script(str(host.data.get("_snapshot", LATEST))),
    due=lambda snapshot: backup.is_wanted(site),
)
