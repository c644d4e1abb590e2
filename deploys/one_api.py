"""One API: its user, release, secrets and unit; root claimed while only loopback reaches it."""

from pyinfra import host, local

from one_api_infra.desired import backup, move, one_api
from one_api_infra.remote import operations, release, target
from one_api_infra.shared import paths, started
from one_api_infra.shared.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")
artifact = release.artifact(site)

operations.failure(name=_("This server has its site"), problems=move.gone)
operations.failure(
    name=_("A site that moves here has come"),
    problems=lambda snapshot: move.lacks_site(site, snapshot),
)
operations.failure(name=_("No restore was cut off"), problems=backup.unfinished)
operations.user(name=_("Make the user one-api"), user=one_api.USER, home=paths.DATA)
for directory in host.loop(one_api.directories()):
    operations.directory(name=_("Make {path}", path=directory.path), directory=directory)
for file in host.loop(one_api.files(site)):
    operations.file(name=_("Write {path}", path=file.path), file=file)
if not one_api.has_given(site):
    operations.absent(name=_("Remove {path}", path=paths.GIVEN), path=paths.GIVEN)
operations.upload(
    name=_("Bring One API's release"),
    source=str(artifact.path),
    path=one_api.binary(artifact.sha256),
    sha256=artifact.sha256,
    due=lambda snapshot: one_api.is_release_due(artifact.sha256, snapshot),
)
for data in host.loop(release.tiktoken_files(site)):
    operations.file(name=_("Write {path}", path=data.path), file=data)
operations.command(
    name=_("Generate One API's secrets, once"),
    script=paths.agent("generate"),
    due=lambda snapshot: not one_api.has_secrets(site, snapshot),
    follows=(),
)
# Before root is claimed: that notes the password's file as it is then.
for path in host.loop(one_api.kept(site)):
    operations.private(name=_("Let {path} be root's alone", path=path), path=path)
operations.command(
    name=_("Let One API run from this release"),
    script=paths.agent(f"activate {one_api.release(artifact.sha256)}"),
    due=lambda snapshot: one_api.is_due(artifact.sha256, snapshot),
    follows=started.READ_AT_START,
)
operations.command(
    name=_("Claim root"),
    script=paths.agent("claim"),
    due=lambda snapshot: not one_api.is_claimed(snapshot),
)
operations.command(
    name=_("Let SQLite write ahead"),
    script=one_api.journal_script(),
    due=lambda snapshot: one_api.is_journal_due(site, snapshot),
)
