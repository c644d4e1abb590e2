"""A blank server becomes the site that the backup holds: the data first, and then the rest."""

from pyinfra import local

from one_api_infra.desired import backup, callbacks, one_api
from one_api_infra.remote import operations, target
from one_api_infra.shared import paths
from one_api_infra.shared.texts import _

site = target.site()
operations.failure(
    name=_("There is a backup to rebuild from"),
    problems=lambda snapshot: backup.lack(site, snapshot),
    probes=False,
)
local.include("./preflight.py")
local.include("./install.py")
local.include("./environment.py")
local.include("./system.py")
local.include("./firewall.py")
operations.user(name=_("Make the user one-api"), user=one_api.USER, home=paths.DATA)
operations.user(
    name=_("Make the user {user}", user=callbacks.USER), user=callbacks.USER, home=paths.CALLBACKS
)
operations.files(
    name=_("Write what One API is told"),
    directories=one_api.directories(),
    files=one_api.given_files(site),
)
local.include("./backup.py")
operations.command(
    name=_("Bring the site back from its backup"),
    script=backup.rebuild_script(),
    due=backup.is_rebuild_due,
)
local.include("./release.py")
local.include("./one_api.py")
local.include("./nginx.py")
local.include("./certificate.py")
local.include("./callback_domain.py")
local.include("./monitor.py")
local.include("./watchdog.py")
local.include("./callbacks.py")
local.include("./tunnel.py")
