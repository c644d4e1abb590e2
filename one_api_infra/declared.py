"""Everything that the concerns of a site declare, together."""

from one_api_infra import (
    callback_domain,
    certificate,
    certificate_files,
    firewall,
    former_domain_files,
    logs,
    monitor,
    nginx,
    one_api,
    plain,
    system,
    watchdog,
)
from one_api_infra import manifest as manifests
from one_api_infra.callbacks import units as callbacks
from one_api_infra.checks import preflight
from one_api_infra.manifest import Manifest
from one_api_infra.resources import Directory, File, Wanted
from one_api_infra.server import paths
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
            former_domain_files.wanted(),
            monitor.wanted(site),
            watchdog.wanted(),
            callbacks.wanted(),
            Wanted(paths=(paths.MANIFEST,)),
        ]
    )


def check(site: Site) -> None:
    """Render every template for a blank server, so that none fails after the first change."""
    blank = Snapshot()
    files(site)
    firewall.rules(site, blank)
    nginx.configuration(site, blank)


def files(site: Site) -> tuple[File, ...]:
    """Every file whose content the settings alone decide."""
    return (
        *system.agent_files(site),
        *system.files(site),
        *logs.files(site),
        *firewall.files(site),
        *one_api.files(site),
        *nginx.notes(),
        *certificate_files.files(site),
        *former_domain_files.files(),
        *monitor.files(site),
        *watchdog.files(site),
        *callbacks.files(site),
    )


def _directories(site: Site) -> tuple[Directory, ...]:
    certbot = certificate_files.directories() if site.certificate == "acme" else ()
    nginx_folder = Directory(nginx.DROP_IN_FOLDER)
    return (*system.directories(), *one_api.directories(), nginx_folder, *certbot)


def _units(site: Site) -> tuple[str, ...]:
    """The units that are to be enabled and to run."""
    units = [one_api.SERVICE, nginx.SERVICE, firewall.UNIT, logs.DISK, logs.TIMER, monitor.TIMER]
    units += certificate.TIMERS if site.certificate == "acme" else []
    units += [system.UPDATER, former_domain_files.TIMER]
    units += [watchdog.TIMER] if site.alert_urls else []
    units += [callbacks.TIMER] if callbacks.is_wanted(site) else []
    return tuple(units)


def _users(site: Site) -> tuple[str, ...]:
    agent = (callbacks.USER,) if callbacks.is_wanted(site) else ()
    return (one_api.USER, monitor.USER, *agent)


def manifest(site: Site) -> File:
    """All of that as a file, by which the server itself knows what it should hold."""
    entries = manifests.entries(files(site), _directories(site), one_api.kept(site))
    made = Manifest(entries, _units(site), _users(site), system.packages_of(site))
    return File(paths.MANIFEST, plain.write(made).encode(), "600")
