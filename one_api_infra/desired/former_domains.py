"""The unit and timer that let go of earlier domains, and when a deploy does it itself."""

from one_api_infra.desired import render
from one_api_infra.desired.resources import Concern, File
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import paths, units


def files() -> tuple[File, ...]:
    """Both units."""
    service = render.file(units.path(units.FORMER_DOMAINS), let_go=paths.agent("former-domains"))
    return (service, render.file(units.path(units.FORMER_DOMAINS_TIMER)))


def are_over(snapshot: Snapshot) -> bool:
    """Whether there is an earlier domain that no gateway calls any more."""
    state = snapshot.state()
    return any(each.name not in state.awaited for each in state.former)


def concern(_site: Site) -> Concern:
    """The earlier domains' part."""
    return Concern(files=files(), units=(units.FORMER_DOMAINS_TIMER,))
