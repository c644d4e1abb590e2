"""The agent's units on the server."""

from one_api_infra import render
from one_api_infra.resources import File, Wanted
from one_api_infra.server import paths
from one_api_infra.site import Site
from one_api_infra.snapshot import Snapshot

USER = "one-api-callbacks"
TIMER = "one-api-callbacks.timer"
SERVICE = "one-api-callbacks.service"
UNITS = "/etc/systemd/system"


def is_wanted(site: Site) -> bool:
    """Whether the agent is to run: where it can read One API's orders, and nobody said no."""
    return site.callbacks == "on" and site.edition.has_orders


def files(site: Site) -> tuple[File, ...]:
    """The units; none where the agent is off."""
    if not is_wanted(site):
        return ()
    service = render.file(
        f"{UNITS}/{SERVICE}",
        user=USER,
        logs=paths.CALLBACK_LOG.rpartition("/")[0],
        trusted_ca=paths.TRUSTED_CA if site.trusted_ca_file else "",
        access_token=paths.ACCESS_TOKEN,
        alert_urls=paths.ALERT_URLS if site.alert_urls else "",
        database="one-api-database.service",
        state=paths.DATABASE_STATE if site.edition.epay_key_option else "",
        run=paths.agent("callbacks"),
    )
    return (service, render.file(f"{UNITS}/{TIMER}"))


def is_left(site: Site, seen: Snapshot) -> bool:
    """Whether something of an agent is there that is not wanted."""
    left = (f"{UNITS}/{SERVICE}", f"{UNITS}/{TIMER}", paths.CALLBACKS)
    return not is_wanted(site) and (USER in seen.users or any(path in seen.paths for path in left))


def wanted() -> Wanted:
    """What to look at."""
    return Wanted(
        paths=(f"{UNITS}/{SERVICE}", f"{UNITS}/{TIMER}", paths.CALLBACKS),
        units=(TIMER, SERVICE),
        users=(USER,),
    )
