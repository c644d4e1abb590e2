"""One API: its secrets and unit; root claimed while only loopback reaches it."""

from pyinfra import local

from one_api_infra.desired import one_api
from one_api_infra.remote import operations, release, target
from one_api_infra.shared import paths, started
from one_api_infra.shared.texts import _

site = target.site()
if target.is_first("release"):
    local.include("./release.py")
artifact = release.artifact(site)

operations.command(
    name=_("Generate One API's secrets, once"),
    script=paths.agent("generate"),
    due=lambda snapshot: not one_api.has_secrets(site, snapshot),
    follows=(),
    keeps_files=True,
    stays_due=True,
)
# Before root is claimed: that notes the password's file as it is then.
operations.private(name=_("Let the secrets be root's alone"), paths=one_api.kept(site))
operations.command(
    name=_("Let One API run from this release"),
    script=paths.agent(f"activate {one_api.release(artifact.sha256)}"),
    due=lambda snapshot: one_api.is_due(artifact.sha256, snapshot),
    follows=started.READ_AT_START,
    keeps_files=True,
    stays_due=True,
    asks=one_api.is_claimed,
    writes=True,  # which of two instances nginx asks
)
operations.command(
    name=_("Claim root"),
    script=paths.agent("claim"),
    due=lambda snapshot: not one_api.is_claimed(snapshot),
    follows=(),
    keeps_files=True,
    stays_due=True,
    asks=lambda _snapshot: True,
)
operations.command(
    name=_("Let SQLite write ahead"),
    script=one_api.journal_script(),
    due=lambda snapshot: one_api.is_journal_due(site, snapshot),
    follows=(),
    keeps_files=True,
    is_asked=False,
)
