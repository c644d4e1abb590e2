"""The unit and timer that let go of earlier domains, and when a deploy does it itself."""

from one_api_infra import render
from one_api_infra.resources import File, Wanted
from one_api_infra.server import paths
from one_api_infra.snapshot import Snapshot

SERVICE, TIMER = "one-api-former-domains.service", "one-api-former-domains.timer"
UNITS = "/etc/systemd/system"


def files() -> tuple[File, ...]:
    """Both units."""
    service = render.file(f"{UNITS}/{SERVICE}", let_go=paths.agent("former-domains"))
    return (service, render.file(f"{UNITS}/{TIMER}"))


def are_over(seen: Snapshot) -> bool:
    """Whether there is an earlier domain that no gateway calls any more."""
    state = seen.state()
    return any(each.name not in state.awaited for each in state.former)


def wanted() -> Wanted:
    """What to look at."""
    return Wanted(paths=tuple(file.path for file in files()), units=(SERVICE, TIMER))
