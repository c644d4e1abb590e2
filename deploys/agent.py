"""The agent on the server and the site's settings: what the other deploys stand on."""

from pyinfra import host

from one_api_infra.desired import manifest, preflight, system, wheels
from one_api_infra.remote import operations, target
from one_api_infra.shared.texts import _

site = target.site()

operations.failure(
    name=_("The data here are of this edition"),
    problems=lambda snapshot: tuple(preflight.edition(site, snapshot)),
    waive=site.waive,
)
for directory in host.loop(system.directories()):
    operations.directory(name=_("Make {path}", path=directory.path), directory=directory)
for file in host.loop((*system.agent_files(site), manifest.manifest(site))):
    operations.file(name=_("Write {path}", path=file.path), file=file)
operations.wheels(
    name=_("Bring the virtual environment's wheels"),
    path=system.WHEELS,
    obtain=lambda snapshot: wheels.of_snapshot(site, snapshot),
    due=lambda snapshot: system.are_wheels_due(site, snapshot),
)
