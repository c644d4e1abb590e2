"""A One API that was set up by hand on this server becomes the site; it stays there, stopped."""

from pyinfra import local

from one_api_infra.checks import target as targets
from one_api_infra.checks.observers import dns
from one_api_infra.desired import adoption, callbacks, one_api, preflight
from one_api_infra.remote import address, operations, release, target
from one_api_infra.shared import paths
from one_api_infra.shared.texts import _

site = target.site()
known = targets.of_settings(site.public())
connected_to = address.of(target.current_host())

operations.failure(
    name=_("Preflight: the server and the domain are fit for a site"),
    problems=lambda snapshot: preflight.judge(
        site, snapshot, dns.gather(known), connected_to, adopts=True
    ),
    waive=site.waive,
)
local.include("./system.py")
operations.user(name=_("Make the user one-api"), user=one_api.USER, home=paths.DATA)
operations.user(
    name=_("Make the user {user}", user=callbacks.USER), user=callbacks.USER, home=paths.CALLBACKS
)
operations.files(
    name=_("Write what One API is told"),
    directories=one_api.directories(),
    files=one_api.given_files(site),
)
# Before the old one is stopped: a download may take minutes.
artifact = release.artifact(site)
operations.upload(
    name=_("Bring One API's release"),
    source=str(artifact.path),
    path=one_api.binary(artifact.sha256),
    sha256=artifact.sha256,
    due=lambda snapshot: one_api.is_release_due(artifact.sha256, snapshot),
)
operations.command(
    name=_("Adopt the One API that runs here"),
    script=paths.agent("adopt"),
    due=adoption.is_due,
)
local.include("./firewall.py")
local.include("./one_api.py")
local.include("./nginx.py")
local.include("./certificate.py")
local.include("./callback_domain.py")
local.include("./monitor.py")
local.include("./watchdog.py")
local.include("./callbacks.py")
local.include("./backup.py")
