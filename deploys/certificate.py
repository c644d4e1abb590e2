"""The certificate: obtained by webroot, renewed by a timer of its own, proved on the wire."""

from pyinfra import local

from one_api_infra.checks.observers import gather
from one_api_infra.desired import certificate, filing
from one_api_infra.remote import operations, target
from one_api_infra.shared import paths, units
from one_api_infra.shared.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

if site.certificate == "external":
    operations.failure(
        name=_("A certificate from elsewhere is fit to be served"),
        problems=lambda snapshot: certificate.external_problems(site, snapshot),
    )
if site.certificate == "acme":
    if target.is_first("certbot"):
        local.include("./certbot.py")
    operations.failure(
        name=_("No cloud stands before the domain"),
        problems=lambda snapshot: filing.problems(site, snapshot, gather.fronts),
        waive=site.waive,
        probes=False,  # whether nginx runs is all that this run has changed of them
    )
    operations.command(
        name=_("Obtain the certificate"),
        script=paths.agent("obtain"),
        due=lambda snapshot: certificate.is_due(site, snapshot),
        follows=(),
        keeps_files=True,
        stays_due=True,
        asks=lambda _snapshot: True,
        writes=True,  # nginx' command has changed files since the last look
    )
else:
    operations.files(
        name=_("Remove credentials that are no longer used"), absent=certificate.absent(site)
    )
    operations.command(
        name=_("Stop the renewal of a certificate that is no longer served"),
        script=certificate.stop_script(),
        due=lambda snapshot: any(map(snapshot.is_active, units.CERTIFICATE_TIMERS)),
    )
local.include("./nginx.py")
operations.command(
    name=_("Delete certificates of earlier domains"),
    script=paths.agent("remove-obsolete"),
    due=lambda snapshot: certificate.is_obsolete(site, snapshot),
    follows=(),
    keeps_files=True,
)
