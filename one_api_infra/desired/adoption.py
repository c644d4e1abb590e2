"""Whether a One API that runs on a server is still to be adopted."""

from one_api_infra.desired.resources import Concern, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import paths
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem


def is_due(snapshot: Snapshot) -> bool:
    """Whether none was adopted yet and no site is here, or the last attempt was cut off."""
    is_site = paths.ADOPTED in snapshot.paths or paths.ROOT_PASSWORD in snapshot.paths
    return paths.ADOPTING in snapshot.paths or not is_site


def unfinished(snapshot: Snapshot) -> tuple[Problem, ...]:
    """An adoption that was cut off or taken back: a deploy would begin an empty site instead."""
    if paths.WENT_BACK in snapshot.paths:
        expected = _("an adopted site; what was here before was started again, and runs")
        remedy = _("`one-api-infra adopt INVENTORY`, or `one-api-infra remove INVENTORY`")
        return (Problem("adopt", expected, remedy),)
    if paths.ADOPTING not in snapshot.paths:
        return ()
    expected = _("an adoption that has come to its end; the last one was cut off")
    return (Problem("adopt", expected, _("run it again: `one-api-infra adopt INVENTORY`")),)


def concern(_site: Site) -> Concern:
    """What is looked at."""
    return Concern(beside=SnapshotSpec(paths=(paths.ADOPTED, paths.ADOPTING, paths.WENT_BACK)))
