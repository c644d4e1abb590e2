"""The agent on the server and the site's settings: what the other deploys stand on."""

from one_api_infra.desired import preflight, system, wheels
from one_api_infra.remote import operations, target
from one_api_infra.shared.texts import _

site = target.site()

operations.failure(
    name=_("The data here are of this edition"),
    problems=lambda snapshot: tuple(preflight.edition(site, snapshot)),
    waive=site.waive,
)
operations.files(
    name=_("Write the agent and what it is told"),
    directories=system.directories(),
    files=(*system.agent_files(site), target.manifest_file()),
)
operations.wheels(
    name=_("Bring the virtual environment's wheels"),
    path=system.WHEELS,
    obtain=lambda snapshot: wheels.of_snapshot(site, snapshot),
    due=lambda snapshot: system.are_wheels_due(site, snapshot),
)
