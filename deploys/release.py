"""One API's release and files: all of it that needs no package, while those are installed."""

from pyinfra import local

from one_api_infra.desired import backup, installation, move, one_api, system
from one_api_infra.remote import operations, release, target
from one_api_infra.shared import paths, units
from one_api_infra.shared.texts import _

site = target.site()
target.is_first("release")  # not again by one_api.py
if target.is_first("agent"):
    local.include("./agent.py")
artifact = release.artifact(site)

if target.is_first("gone"):
    operations.failure(name=_("This server has its site"), problems=move.gone, probes=False)
operations.failure(
    name=_("A site that moves here has come"),
    problems=lambda snapshot: move.lacks_site(site, snapshot),
    probes=False,
)
operations.failure(name=_("No restore was cut off"), problems=backup.unfinished, probes=False)
operations.user(name=_("Make the user one-api"), user=one_api.USER, home=paths.DATA)
operations.files(
    name=_("Write One API's files"),
    directories=one_api.directories(),
    files=one_api.files(site),
    absent=() if one_api.has_given(site) else (paths.GIVEN,),
)
operations.upload(
    name=_("Bring One API's release"),
    source=str(artifact.path),
    path=one_api.binary(artifact.sha256),
    sha256=artifact.sha256,
    due=lambda snapshot: one_api.is_release_due(artifact.sha256, snapshot),
)
operations.files(name=_("Bring tiktoken's data"), files=release.tiktoken_files(site))
operations.command(
    name=_("Python and nftables are there"),
    script=installation.first_script(),
    due=lambda snapshot: snapshot.is_active(units.INSTALLATION),
    follows=(),
)
# Of a site that stands, what is broken or of before; a blank server's is being built already.
operations.command(
    name=_("Build the virtual environment"),
    script=system.venv_script(site),
    due=lambda snapshot: system.is_venv_due(site, snapshot),
    follows=(),
    keeps_files=True,
)
