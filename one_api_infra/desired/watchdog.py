"""The monitor's dead man's switch on the server: a few lines of sh, and Debian's own apprise."""

import shlex

from one_api_infra.checks import remedy
from one_api_infra.desired import render
from one_api_infra.desired.resources import Concern, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import intervals, paths, units
from one_api_infra.shared.texts import N_, translations

LEFT = (units.path(units.WATCHDOG_TIMER), units.path(units.WATCHDOG), paths.WATCHDOG)
APPRISE = "apprise"  # Debian's package
SILENT_MINUTES = intervals.MONITOR_LATE // 60
TITLE = N_("{domain}: nobody watches this site")
BODY = N_(
    "The monitor on the server has not come to its end for more than {minutes} minutes: no fault is"
    " seen, and nobody is told of any. Remedy: `pyinfra inventory.py deploys/site.py` on your own"
    " machine; on the server `journalctl -u one-api-monitor` says why."
)


def files(site: Site) -> tuple[File, ...]:
    """The script and its units, where there is a channel to tell by."""
    if not site.alert_urls:
        return ()
    script = render.file(
        paths.WATCHDOG,
        "755",
        ran=paths.MONITOR_RAN,
        minutes=SILENT_MINUTES,
        title=_quoted(site, TITLE),
        body=_quoted(site, BODY),
        apprise=f"{paths.AGENT}/venv/bin/apprise",
    )
    service = render.file(
        units.path(units.WATCHDOG), watchdog=paths.WATCHDOG, channels=paths.ALERT_URLS
    )
    return (script, service, render.file(units.path(units.WATCHDOG_TIMER)))


def _quoted(site: Site, message: str) -> str:
    text = translations(site.language).gettext(message)
    told = text.format(domain=site.domain, minutes=SILENT_MINUTES)
    return shlex.quote(remedy.named(told, site.file_name))


def removal() -> str:
    """The command that takes it away where there is no channel any more."""
    gone = " ".join(LEFT)
    stop = f"systemctl disable --quiet --now {units.WATCHDOG_TIMER}"
    return f"{stop}; rm -f {gone} && systemctl daemon-reload"


def packages(site: Site) -> tuple[str, ...]:
    """What speaks to the channels: Debian's apprise, not that of the agent that may be broken."""
    return (APPRISE,) if site.alert_urls else ()


def is_left(snapshot: Snapshot) -> bool:
    """Whether something of it is there."""
    return any(path in snapshot.paths for path in LEFT)


def concern(site: Site) -> Concern:
    """The watchdog's part; without a channel it is to be gone."""
    return Concern(
        files=files(site),
        units=(units.WATCHDOG_TIMER,) if site.alert_urls else (),
        beside=SnapshotSpec(
            paths=LEFT, packages=(APPRISE,), units=(units.WATCHDOG_TIMER, units.WATCHDOG)
        ),
    )
