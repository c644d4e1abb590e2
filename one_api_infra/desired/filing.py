"""Whether a cloud stands before a name: judged before the CA is asked for its certificate."""

from collections.abc import Callable

from one_api_infra.checks import catalogue, filing, target
from one_api_infra.checks.observation import Observation, Target
from one_api_infra.checks.verdict import State
from one_api_infra.desired import certificate
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import units
from one_api_infra.shared.validation import Problem


def problems(
    site: Site, snapshot: Snapshot, look: Callable[[Target], Observation]
) -> tuple[Problem, ...]:
    """Why the CA would meet somebody else: each attempt that fails counts at the CA.

    Looked at only where a certificate is to be obtained and nginx serves already.
    """
    if not certificate.is_due(site, snapshot) or not snapshot.is_active(units.NGINX):
        return ()
    seen = look(target.of_settings(site.public()))
    return tuple(
        Problem(verdict.id, f"{verdict.cause} ({verdict.evidence})", verdict.remedy)
        for verdict in catalogue.judge(seen, (filing.FILED,))
        if verdict.state is State.FAILED
    )
