"""The callback service's units on the server."""

from one_api_infra.desired import render
from one_api_infra.desired.resources import Concern, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import intervals, paths, units

USER = "one-api-callbacks"


def is_wanted(site: Site) -> bool:
    """Whether the service is to run: where it can read One API's orders, and nobody said no."""
    return site.callbacks == "on" and bool(site.edition.order_source)


def files(site: Site) -> tuple[File, ...]:
    """The units; none where the callback service is off."""
    if not is_wanted(site):
        return ()
    service = render.file(
        units.path(units.CALLBACKS),
        user=USER,
        logs=paths.CALLBACK_LOG.rpartition("/")[0],
        trusted_ca=paths.TRUSTED_CA if site.trusted_ca_file else "",
        access_token=paths.ACCESS_TOKEN,
        alert_urls=paths.ALERT_URLS if site.alert_urls else "",
        database=units.DATABASE,
        state=paths.DATABASE_STATE if site.edition.key_options else "",
        run=paths.agent("callbacks"),
    )
    return (service, render.file(units.path(units.CALLBACKS_TIMER), seconds=intervals.CALLBACKS))


def is_left(site: Site, snapshot: Snapshot) -> bool:
    """Whether something of a callback service is there that is not wanted."""
    left = (units.path(units.CALLBACKS), units.path(units.CALLBACKS_TIMER), paths.CALLBACKS)
    return not is_wanted(site) and (
        USER in snapshot.users or any(path in snapshot.paths for path in left)
    )


def concern(site: Site) -> Concern:
    """The callbacks' part; without it, it is to be gone."""
    is_ours = is_wanted(site)
    service, timer = units.CALLBACKS, units.CALLBACKS_TIMER
    left = (units.path(service), units.path(timer), paths.CALLBACKS)
    return Concern(
        files=files(site),
        units=(timer,) if is_ours else (),
        users=(USER,) if is_ours else (),
        beside=SnapshotSpec(paths=left, units=(timer, service), users=(USER,)),
    )
