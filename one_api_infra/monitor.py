"""The monitor's units and files on the server."""

from one_api_infra import render, roots
from one_api_infra.resources import File, Wanted
from one_api_infra.secret import Secret
from one_api_infra.server import paths
from one_api_infra.site import Site

USER = "one-api-monitor"
TIMER = "one-api-monitor.timer"
SERVICE = "one-api-monitor.service"
OBSERVE = "one-api-observe.service"
DATABASE = "one-api-database.service"
LOOK = "one-api-look.service"
UNITS = "/etc/systemd/system"


def files(site: Site) -> tuple[File, ...]:
    """The units; the channels' URLs, which only the monitor's user may read; a private root."""
    look, judge = (paths.agent(f"monitor-{name}") for name in ("look", "judge"))
    return (
        render.file(f"{UNITS}/{LOOK}", user=USER, look=look),
        render.file(
            f"{UNITS}/{OBSERVE}", look=LOOK, database=DATABASE, keep=paths.agent("observe-keep")
        ),
        render.file(f"{UNITS}/{SERVICE}", user=USER, observe=OBSERVE, judge=judge),
        render.file(f"{UNITS}/{TIMER}"),
        *_secrets(site),
        *_roots(site),
    )


def _secrets(site: Site) -> list[File]:
    urls = [url.reveal() for url in site.alert_urls]
    found = [(paths.ALERT_URLS, "\n".join(urls))] if urls else []
    if site.heartbeat_url:
        found.append((paths.HEARTBEAT_URL, site.heartbeat_url.reveal()))
    return [File(path, Secret(text + "\n"), "640", "root", USER) for path, text in found]


def _roots(site: Site) -> list[File]:
    if not site.trusted_ca_file:
        return []
    return [File(paths.TRUSTED_CA, roots.read(site.trusted_ca_file, "trusted_ca_file"))]


def absent(site: Site) -> tuple[str, ...]:
    """Secrets of settings that are no longer there."""
    wanted = {file.path for file in _secrets(site)}
    return tuple(path for path in (paths.ALERT_URLS, paths.HEARTBEAT_URL) if path not in wanted)


def wanted(site: Site) -> Wanted:
    """What to look at."""
    return Wanted(
        paths=(*(file.path for file in files(site)), *absent(site)),
        units=(TIMER, SERVICE, OBSERVE, LOOK),
        users=(USER,),
    )
