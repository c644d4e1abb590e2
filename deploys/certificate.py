"""The certificate: obtained by webroot, renewed by a timer of its own, proved on the wire."""

from pyinfra import host, local

from one_api_infra import certificate, certificate_files
from one_api_infra.pyinfra import operations, target
from one_api_infra.server import paths
from one_api_infra.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

operations.failure(
    name=_("A certificate from elsewhere is fit to be served"),
    problems=lambda seen: certificate_files.external_problems(site, seen),
)
if site.certificate == "acme":
    for directory in host.loop(certificate_files.directories()):
        operations.directory(name=_("Make {path}", path=directory.path), directory=directory)
    for file in host.loop(certificate_files.files(site)):
        operations.file(name=_("Write {path}", path=file.path), file=file)
    operations.command(
        name=_("Obtain the certificate"),
        script=paths.agent("obtain"),
        due=lambda seen: certificate_files.is_due(site, seen),
    )
    operations.unit(
        name=_("Renew it by a timer"), unit=certificate.TIMER, beside=(certificate.SERVICE,)
    )
    operations.unit(
        name=_("Rehearse the renewal by a timer"),
        unit=certificate.REHEARSAL_TIMER,
        beside=(certificate.REHEARSAL,),
    )
else:
    operations.command(
        name=_("Stop the renewal of a certificate that is no longer served"),
        script=certificate.stop_script(),
        due=lambda seen: any(map(seen.is_active, certificate.TIMERS)),
    )
local.include("./nginx.py")
operations.command(
    name=_("Delete certificates of earlier domains"),
    script=paths.agent("remove-obsolete"),
    due=lambda seen: certificate_files.is_obsolete(site, seen),
)
