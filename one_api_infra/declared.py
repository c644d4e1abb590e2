"""Everything that the concerns of a site declare, together."""

from one_api_infra import (
    callback_domain,
    certificate_files,
    firewall,
    logs,
    monitor,
    nginx,
    one_api,
    system,
    watchdog,
)
from one_api_infra.callbacks import units as callbacks
from one_api_infra.checks import preflight
from one_api_infra.resources import Wanted
from one_api_infra.site import Site
from one_api_infra.snapshot import Snapshot


def wanted(site: Site) -> Wanted:
    """What one look must see, for all deploys."""
    return Wanted.merged(
        [
            preflight.wanted(site),
            system.wanted(site),
            logs.wanted(site),
            firewall.wanted(),
            one_api.wanted(site),
            nginx.wanted(),
            certificate_files.wanted(site),
            callback_domain.wanted(),
            monitor.wanted(site),
            watchdog.wanted(),
            callbacks.wanted(),
        ]
    )


def check(site: Site) -> None:
    """Render every template for a blank server, so that none fails after the first change."""
    blank = Snapshot()
    system.files(site)
    logs.files(site)
    firewall.rules(site, blank)
    firewall.files(site)
    one_api.files(site)
    nginx.configuration(site, blank)
    nginx.notes()
    certificate_files.files(site)
    monitor.files(site)
    watchdog.files(site)
    callbacks.files(site)
