"""What obtains and renews certificates: its folders, its account's root, its timers."""

from one_api_infra.desired import certificate, system
from one_api_infra.remote import operations, target
from one_api_infra.shared import units
from one_api_infra.shared.texts import _

site = target.site()
target.is_first("certbot")  # not again by certificate.py

if site.certbot == "distribution" and not target.has("system"):
    operations.packages(name=_("Install certbot"), names=certificate.packages)
operations.files(
    name=_("Write certbot's files"),
    directories=certificate.directories(),
    files=certificate.files(site),
    absent=certificate.absent(site),
)
if site.acme_challenge == "dns-01":  # its plugin is part of it
    operations.command(
        name=_("Build the virtual environment"),
        script=system.venv_script(site),
        due=lambda snapshot: system.is_venv_due(site, snapshot),
        follows=(),
        keeps_files=True,
    )
operations.unit(
    name=_("Renew it by a timer"), unit=units.CERTIFICATE_TIMER, beside=(units.CERTIFICATE,)
)
operations.unit(
    name=_("Rehearse the renewal by a timer"),
    unit=units.REHEARSAL_TIMER,
    beside=(units.REHEARSAL,),
)
