"""The monitor's dead man's switch on the server: a few lines of sh, and Debian's own apprise."""

import shlex

from one_api_infra import render
from one_api_infra.resources import File, Wanted
from one_api_infra.server import paths
from one_api_infra.site import Site
from one_api_infra.snapshot import Snapshot
from one_api_infra.texts import N_, translations

TIMER = "one-api-watchdog.timer"
SERVICE = "one-api-watchdog.service"
UNITS = "/etc/systemd/system"
LEFT = (f"{UNITS}/{TIMER}", f"{UNITS}/{SERVICE}", paths.WATCHDOG)
APPRISE = "apprise"  # Debian's package
SILENT_MINUTES = 15  # five runs of the monitor
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
    service = render.file(f"{UNITS}/{SERVICE}", watchdog=paths.WATCHDOG, channels=paths.ALERT_URLS)
    return (script, service, render.file(f"{UNITS}/{TIMER}"))


def _quoted(site: Site, message: str) -> str:
    text = translations(site.language).gettext(message)
    return shlex.quote(text.format(domain=site.domain, minutes=SILENT_MINUTES))


def removal() -> str:
    """The command that takes it away where there is no channel any more."""
    gone = " ".join(LEFT)
    return f"systemctl disable --quiet --now {TIMER}; rm -f {gone} && systemctl daemon-reload"


def is_left(seen: Snapshot) -> bool:
    """Whether something of it is there."""
    return any(path in seen.paths for path in LEFT)


def wanted() -> Wanted:
    """What to look at."""
    return Wanted(
        paths=LEFT,
        packages=(APPRISE,),
        units=(TIMER, SERVICE),
    )
