"""Tunnels: public names for developers' One APIs, on a server with a site or with nothing else."""

from pyinfra import host, local

from one_api_infra.desired import tunnel
from one_api_infra.remote import operations, target
from one_api_infra.shared import paths, units
from one_api_infra.shared.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

if site.tunnels:
    if target.is_first("system"):
        local.include("./system.py")
    for user in host.loop(tunnel.users(site)):
        home = f"{paths.TUNNELS}/{user}"
        operations.user(name=_("Make the user {user}", user=user), user=user, home=home)
    operations.files(
        name=_("Write the tunnels' files"),
        directories=tunnel.directories(site),
        files=tunnel.files(site),
    )
    operations.command(
        name=_("End what replaced keys have opened"),
        script=paths.agent("tunnel-end"),
        due=lambda snapshot: tunnel.has_replaced_keys(site, snapshot),
        follows=tuple(each.key_file for each in site.tunnels),
    )
    operations.command(
        name=_("Let sshd take tunnels"), script=tunnel.load_ssh_script(), due=tunnel.is_ssh_stale
    )
    if target.is_first("certbot"):
        local.include("./certbot.py")
    operations.unit(
        name=_("Send again what came while a developer was away"),
        unit=units.TUNNEL_TIMER,
        beside=(units.TUNNEL,),
    )
# Before anything is removed: without its certificate nginx would not start.
if not target.has("nginx"):
    local.include("./nginx.py")
operations.command(
    name=_("Remove tunnels that are no longer wanted"),
    script=paths.agent("tunnel-remove"),
    due=lambda snapshot: tunnel.is_left(site, snapshot),
    follows=(),
)
if site.tunnels:
    operations.command(
        name=_("Obtain the tunnels' certificates"),
        script=paths.agent("obtain-tunnels"),
        due=lambda snapshot: tunnel.lacks_certificate(site, snapshot),
    )
    local.include("./nginx.py")
