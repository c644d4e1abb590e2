"""What is still to be removed: from a server that has a site, or had one."""

from one_api_infra.desired.resources import Concern, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import paths
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem

DATA = (paths.DATA, paths.ONE_API_CONFIG, paths.LOGS, paths.DUMP)
# The agent is gone with the site.
DELETE_KEPT = f"rm -rf {' '.join((*DATA, paths.KEPT))}; ! id one-api 2>/dev/null || userdel one-api"


def is_due(snapshot: Snapshot) -> bool:
    """Whether the site is there."""
    return paths.ZIPAPP in snapshot.paths


def has_kept(snapshot: Snapshot) -> bool:
    """Whether an earlier removal has kept the data."""
    return not is_due(snapshot) and paths.KEPT in snapshot.paths


def unknown(snapshot: Snapshot) -> tuple[Problem, ...]:
    """Data that nothing tells to be ours: another program's, or of a removal of before."""
    there = [path for path in (paths.DATA, paths.ONE_API_CONFIG) if path in snapshot.paths]
    if is_due(snapshot) or has_kept(snapshot) or not there:
        return ()
    names = " ".join(there)
    expected = _("data of a site of one-api-infra; whose {paths} is, nothing tells", paths=names)
    remedy = _("look what it is; to delete it, on the server: `rm -r {paths}`", paths=names)
    return (Problem("remove", expected, remedy),)


def concern(_site: Site) -> Concern:
    """What is looked at."""
    return Concern(beside=SnapshotSpec(paths=(*DATA, paths.KEPT)))
