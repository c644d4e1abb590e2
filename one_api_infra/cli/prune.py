"""``one-api-infra prune``: let go of old snapshots, on the server or from this machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from one_api_infra.cli.deploy import INVENTORY, LIMIT
from one_api_infra.cli.servers import servers, shell
from one_api_infra.desired.site import Site
from one_api_infra.shared import backup
from one_api_infra.shared.texts import _

SECONDS = 3600.0


@click.command()
@INVENTORY
@LIMIT
@click.option("--repository", help="From this machine: the repository, by a way that may delete.")
def prune(inventory: Path, limit: str | None, repository: str | None) -> None:
    """Let go of the snapshots that `backup_keep` does not keep, and of locks that were left.

    A server cannot do so in a repository that is append-only: name it by --repository, as restic
    reaches it from this machine."""
    failed = False
    for name, server in servers(inventory, limit):
        click.secho(name, bold=True, err=True)
        if repository:
            failed = _here(server.data, repository) or failed
            continue
        error = server.run(shell("prune"), SECONDS)[1]
        if error:
            click.secho(error, fg="red", err=True)
        failed = failed or bool(error)
    if failed:
        sys.exit(1)
    text = _("Done. Next: `one-api-infra snapshots {path}` lists what there is.", path=inventory)
    click.secho(text, fg="green", err=True)


def _here(data: dict[str, Any], repository: str) -> bool:
    """Whether restic on this machine fails."""
    if not shutil.which("restic"):
        raise click.UsageError(_("restic is not installed here: `apt-get install restic`"))
    site = Site.parse(data)
    password = site.backup_password.reveal() if site.backup_password else ""
    own = {"RESTIC_REPOSITORY": repository, "RESTIC_PASSWORD": password}
    environment = {**os.environ, **{key: each.reveal() for key, each in site.backup_environment}}
    keep = backup.keep_options(dict(site.backup_keep))
    selected = [f"--tag={backup.TAG}", f"--host={site.domain}", "--group-by=host"]
    journal = [f"--tag={backup.JOURNAL_TAG}", f"--host={site.domain}", "--group-by=host"]
    commands = (
        ["unlock"],
        ["forget", *journal, f"--keep-last={backup.JOURNALS_KEPT}"],
        ["forget", *selected, *keep, "--prune"],
    )
    done = (
        subprocess.run(["restic", *command], env=environment | own, check=False).returncode
        for command in commands
    )
    return any(done)
