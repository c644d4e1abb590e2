"""nginx: the site on port 80, and on 443 as soon as a certificate is fit to be served."""

from pyinfra import host, local

from one_api_infra import nginx, system
from one_api_infra.pyinfra import operations, target
from one_api_infra.resources import Directory
from one_api_infra.server import paths
from one_api_infra.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

operations.failure(name=_("The agent tells the server's state"), problems=system.agent_problems)
operations.packages(name=_("Install nginx"), names=lambda _seen: ("nginx", nginx.NJS))
operations.command(
    name=_("Let nginx load njs"),
    script=f"ln -sf {nginx.NJS_CONF} {nginx.NJS_MODULE}",
    due=nginx.njs_is_off,
)
operations.directory(
    name=_("Make nginx' drop-in folder"), directory=Directory(nginx.DROP_IN_FOLDER)
)
for file in host.loop(nginx.notes()):
    operations.file(name=_("Write {path}", path=file.path), file=file)
operations.command(
    name=_("Let nginx serve the site as configured"),
    script=paths.agent("nginx"),
    stdin=lambda seen: nginx.configuration_json(site, seen),
    due=lambda seen: nginx.is_due(site, seen),
)
