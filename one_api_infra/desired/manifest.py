"""Everything that the concerns of a site put on a server, together."""

from collections.abc import Callable

from one_api_infra.desired import (
    adoption,
    backup,
    callback_domain,
    callbacks,
    certificate,
    firewall,
    former_domains,
    logs,
    monitor,
    move,
    nginx,
    one_api,
    preflight,
    remove,
    system,
    tunnel,
    watchdog,
)
from one_api_infra.desired.resources import Concern, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import paths, plain
from one_api_infra.shared.manifest import Entry, Manifest
from one_api_infra.shared.secret import Secret

CONCERNS: tuple[Callable[[Site], Concern], ...] = (
    preflight.concern,
    system.concern,
    logs.concern,
    firewall.concern,
    one_api.concern,
    nginx.concern,
    certificate.concern,
    callback_domain.concern,
    former_domains.concern,
    monitor.concern,
    watchdog.concern,
    callbacks.concern,
    backup.concern,
    adoption.concern,
    remove.concern,
    move.concern,
    tunnel.concern,
)
# What is rendered when the server is known.
BY_SNAPSHOT: tuple[Callable[[Site, Snapshot], object], ...] = (firewall.rules, nginx.configuration)
_last: list[tuple[Site, tuple[Concern, ...]]] = []


def concerns(site: Site) -> tuple[Concern, ...]:
    """All of a site; of the one that was asked for last they are known."""
    if not (_last and _last[0][0] is site):
        _last[:] = [(site, tuple(concern(site) for concern in CONCERNS))]
    return _last[0][1]


def snapshot_spec(site: Site) -> SnapshotSpec:
    """What one look must see, for all deploys."""
    own = SnapshotSpec(paths=(paths.MANIFEST,))
    return SnapshotSpec.merged([*(each.spec for each in concerns(site)), own])


def packages(site: Site) -> tuple[str, ...]:
    """The Debian packages of all concerns."""
    return tuple(name for each in concerns(site) for name in each.packages)


def check(site: Site) -> None:
    """Render every template for a blank server, so that none fails after the first change."""
    concerns(site)
    for render in BY_SNAPSHOT:
        render(site, Snapshot())


def manifest(site: Site) -> File:
    """The manifest file, from which the server knows what it should hold."""
    found = concerns(site)
    made = Manifest(
        dict(sorted(entry for each in found for entry in _entries(each).items())),
        units=tuple(name for each in found for name in each.units),
        users=tuple(name for each in found for name in each.users),
        packages=packages(site),
    )
    return File(paths.MANIFEST, plain.write(made).encode(), "600")


def _entries(concern: Concern) -> dict[str, Entry]:
    """What is to stand at each path of a concern."""
    found = {path: Entry("f", "root", "root", "600") for path in concern.secrets}
    found |= {
        each.path: Entry("d", each.owner, each.group, each.mode) for each in concern.directories
    }
    return found | {each.path: _file(each) for each in concern.files}


def _file(file: File) -> Entry:
    sha256 = "" if isinstance(file.content, Secret) else file.sha256
    return Entry("f", file.owner, file.group, file.mode, sha256)
