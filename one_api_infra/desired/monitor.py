"""The monitor's units and files on the server."""

from one_api_infra.desired import render
from one_api_infra.desired.resources import Concern, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.shared import intervals, paths, units
from one_api_infra.shared.secret import Secret

USER = "one-api-monitor"


def files(site: Site) -> tuple[File, ...]:
    """The units; the channels' URLs, which only the monitor's user may read."""
    look, judge = (paths.agent(f"monitor-{name}") for name in ("look", "judge"))
    return (
        render.file(units.path(units.LOOK), user=USER, look=look),
        render.file(
            units.path(units.OBSERVE),
            look=units.LOOK,
            database=units.DATABASE,
            keep=paths.agent("observe-keep"),
        ),
        render.file(units.path(units.MONITOR), user=USER, observe=units.OBSERVE, judge=judge),
        render.file(units.path(units.MONITOR_TIMER), seconds=intervals.MONITOR),
        *_secrets(site),
    )


def _secrets(site: Site) -> list[File]:
    urls = [url.reveal() for url in site.alert_urls]
    found = [(paths.ALERT_URLS, "\n".join(urls))] if urls else []
    if site.heartbeat_url:
        found.append((paths.HEARTBEAT_URL, site.heartbeat_url.reveal()))
    return [File(path, Secret(text + "\n"), "640", "root", USER) for path, text in found]


def absent(site: Site) -> tuple[str, ...]:
    """Secrets of settings that are no longer there."""
    wanted = {file.path for file in _secrets(site)}
    return tuple(path for path in (paths.ALERT_URLS, paths.HEARTBEAT_URL) if path not in wanted)


def concern(site: Site) -> Concern:
    """The monitor's part."""
    return Concern(
        files=files(site),
        units=(units.MONITOR_TIMER,),
        users=(USER,),
        beside=SnapshotSpec(paths=absent(site)),
    )
