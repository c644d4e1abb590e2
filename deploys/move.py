"""A site moves to another server of the inventory, the one with `moves_from`, while it serves."""

from pyinfra import local

from one_api_infra.desired import callbacks, move, one_api
from one_api_infra.remote import move as hosts
from one_api_infra.remote import operations, release, target
from one_api_infra.shared import paths, units
from one_api_infra.shared.texts import _

here = target.current_host()
new, old = hosts.goes_to(here), hosts.comes_from(here)
site = target.site()

if new:
    local.include("./system.py")
if old:
    local.include("./preflight.py")
    local.include("./system.py")
    local.include("./firewall.py")
    operations.user(name=_("Make the user one-api"), user=one_api.USER, home=paths.DATA)
    operations.user(
        name=_("Make the user {user}", user=callbacks.USER),
        user=callbacks.USER,
        home=paths.CALLBACKS,
    )
    operations.files(
        name=_("Write One API's files"),
        directories=one_api.directories(),
        files=one_api.files(site),
    )
    artifact = release.artifact(site)
    operations.upload(
        name=_("Bring One API's release"),
        source=str(artifact.path),
        path=one_api.binary(artifact.sha256),
        sha256=artifact.sha256,
        due=lambda snapshot: one_api.is_release_due(artifact.sha256, snapshot),
    )
    operations.files(name=_("Bring tiktoken's data"), files=release.tiktoken_files(site))
if new or old:
    operations.packages(name=_("Install rsync"), names=lambda _snapshot: (move.RSYNC,))
if old:
    operations.command(
        name=_("Let the old server in, for the move alone"),
        script=move.authorize_script(),
        stdin=lambda _snapshot: move.authorized(hosts.keys()[1]),
        due=lambda snapshot: not move.has_arrived(snapshot),
    )
if new:
    there = hosts.target(new)
    operations.files(name=_("Write the move's units"), files=move.files(site.language))
    operations.command(
        name=_("Say where the site goes"),
        script=move.write_script(paths.MOVE_TARGET),
        stdin=lambda _snapshot: move.target_json(there),
        due=lambda snapshot: not move.has_left(snapshot),
    )
    operations.command(
        name=_("Bring the key for the move"),
        script=move.write_script(paths.MOVE_KEY),
        stdin=lambda _snapshot: hosts.keys()[0],
        due=lambda snapshot: not move.has_left(snapshot) or move.is_draining(snapshot),
    )
    operations.command(
        name=_("Say how nginx hands requests on"),
        script=move.write_script(paths.MOVE_NGINX),
        stdin=lambda snapshot: move.nginx_json(site, snapshot, there.address),
        due=lambda snapshot: not move.has_left(snapshot),
    )
if new or old:
    operations.together(name=_("The new server lets the old one in"))
if new:
    operations.command(
        name=_("Copy the site while it serves"),
        script=paths.agent("move-copy"),
        due=lambda snapshot: not move.has_left(snapshot),
    )
if new or old:
    operations.together(name=_("The copy is there"))
if old:
    local.include("./nginx.py")
if new or old:
    operations.together(name=_("The new server waits"))
if new:
    operations.command(
        name=_("Switch: requests wait, and then the new server answers"),
        script=move.unit_script(units.MOVE),
        due=lambda snapshot: not move.has_left(snapshot),
    )
    operations.command(
        name=_("Wait until the last stream here has ended"),
        script=move.drain_script(),
        due=move.is_draining,
    )
if new or old:
    operations.together(name=_("All that was begun has ended"))
if old:
    local.include("./one_api.py")
    local.include("./certificate.py")
    local.include("./callback_domain.py")
    local.include("./monitor.py")
    local.include("./watchdog.py")
    local.include("./callbacks.py")
    local.include("./backup.py")
