"""nginx: the site on port 80, and on 443 as soon as a certificate is fit to be served."""

from pyinfra import local

from one_api_infra.desired import certificate, move, nginx, system
from one_api_infra.desired.resources import Directory
from one_api_infra.remote import operations, target
from one_api_infra.shared import paths, units
from one_api_infra.shared.texts import _

site = target.site()
is_first = target.is_first("nginx")  # the certificate's deploy comes here once more
if is_first and target.is_first("agent"):
    local.include("./agent.py")
if is_first and target.is_first("gone"):
    operations.failure(name=_("This server has its site"), problems=move.gone, probes=False)
operations.failure(name=_("The agent tells the server's state"), problems=system.agent_problems)
if is_first:
    if target.is_first("njs"):
        operations.command(
            name=_("Let nginx load njs"),
            script=nginx.njs_script(),
            due=nginx.njs_is_off,
            follows=(),
        )
    if not target.has("system"):
        operations.packages(name=_("Install nginx"), names=lambda _snapshot: ("nginx", nginx.NJS))
    operations.files(
        name=_("Write nginx' drop-ins"),
        directories=(Directory(nginx.DROP_IN_FOLDER),),
        files=nginx.notes(),
    )
operations.command(
    name=_("Let nginx serve the site as configured"),
    script=paths.agent("nginx"),
    stdin=lambda snapshot: nginx.configuration_json(site, snapshot),
    due=lambda snapshot: nginx.is_due(site, snapshot),
    follows=tuple(file.path for file in nginx.notes()),
    keeps_files=True,
    # A certificate that is still to be obtained needs no look before.
    asks=lambda snapshot: not (site.certificate == "acme" and certificate.is_due(site, snapshot)),
    writes=True,
    starts=units.NGINX,
)
