"""The callback domain (回调域名) in One API: whether it is right there, by one look."""

from one_api_infra.desired.resources import Concern, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import paths


def is_right(site: Site, snapshot: Snapshot) -> bool:
    """Whether every place holds the right form, and this node of One API uses it."""
    told = snapshot.state().one_api
    in_use = told.server_address == site.origin and not told.restart_due
    return bool(told.places) and in_use and all(place.is_right for place in told.places)


def concern(_site: Site) -> Concern:
    """One look at One API: options, payment rows, root, readiness."""
    command = f"[ ! -e {paths.SITE} ] || [ ! -x {paths.PYTHON} ] || {paths.agent('state')}"
    return Concern(beside=SnapshotSpec(probes={"state": command}))
