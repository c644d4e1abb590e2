"""``one-api-infra backup``, ``snapshots``, ``restore`` and ``rebuild``."""

import json
import shlex
import sys
from pathlib import Path

import click

from one_api_infra.cli import runner
from one_api_infra.cli.deploy import INVENTORY, LIMIT, next_step
from one_api_infra.cli.servers import SECONDS, servers, shell
from one_api_infra.shared import foreign, paths
from one_api_infra.shared.snapshot_choice import LATEST, is_choice
from one_api_infra.shared.texts import _

PLAN_SECONDS = 3600.0  # the database is copied to be compared


@click.command()
@INVENTORY
@LIMIT
def backup(inventory: Path, limit: str | None) -> None:
    """Back up the hosts of INVENTORY now, beside the timer's runs."""
    failed = False
    for name, server in servers(inventory, limit):
        click.secho(name, bold=True, err=True)
        failed = bool(server.show(shell("backup-now"))) or failed
    if failed:
        text = _("Not everything was backed up: mend what the lines above name, and try again.")
        click.secho(text, fg="red", err=True)
        sys.exit(1)
    text = _("Done. Next: `one-api-infra snapshots {path}` lists what there is.", path=inventory)
    click.secho(text, fg="green", err=True)


@click.command()
@INVENTORY
@LIMIT
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def snapshots(inventory: Path, limit: str | None, as_json: bool) -> None:
    """List the snapshots in the repositories of each host of INVENTORY."""
    failed = False
    for name, server in servers(inventory, limit):
        output, error = server.run(shell("snapshots --json" if as_json else "snapshots"), SECONDS)
        failed = failed or bool(error)
        if not as_json:
            click.secho(name, bold=True)
        click.echo(foreign.printable(error or output).rstrip(), err=bool(error))
    sys.exit(int(failed))


@click.command()
@INVENTORY
@LIMIT
@click.option("--at", "choice", help="The newest one that is not younger: 2026-11-28T12:00.")
@click.option("--snapshot", help="The snapshot of this id.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(
    inventory: Path, limit: str | None, choice: str | None, snapshot: str | None, yes: bool
) -> None:
    """Bring the running sites of INVENTORY back to a snapshot (default: the newest).

    What is there now is put aside on the server."""
    if choice and snapshot:
        raise click.UsageError(_("--at and --snapshot exclude each other"))
    wanted = choice or snapshot or LATEST
    if not is_choice(wanted):
        raise click.UsageError(_("write a time as 2026-11-28T12:00, an id as 8 hexadecimal digits"))
    for name, server in servers(inventory, limit):
        click.secho(name, bold=True, err=True)
        output, error = server.run(shell(f"restore-plan {shlex.quote(wanted)}"), PLAN_SECONDS)
        if error:
            click.secho(foreign.printable(error), fg="red", err=True)
            sys.exit(1)
        click.echo(foreign.printable(output).rstrip(), err=True)
        if not (yes or click.confirm(_("Restore it?"), err=True)):
            sys.exit(1)
    given = f"_snapshot={json.dumps(wanted)}"  # else pyinfra makes a number of 12e45678
    done = runner.run(inventory, "restore", "-y", "--data", given, limit=limit)
    _report(inventory, limit, done)
    next_step(done, inventory)
    sys.exit(done.code)


def _report(inventory: Path, limit: str | None, done: runner.Run) -> None:
    """What the servers had to say: pyinfra shows nothing of a command that succeeded."""
    for name, server in servers(inventory, limit) if done.code == 0 else ():
        output, error = server.run(f"cat {paths.RESTORED} || true", SECONDS)
        if output or error:
            click.echo(foreign.printable(f"{name}: {error or output}").rstrip(), err=True)


@click.command()
@INVENTORY
@LIMIT
@click.option("--yes", is_flag=True, help="Do not ask.")
def rebuild(inventory: Path, limit: str | None, yes: bool) -> None:
    """Make blank hosts of INVENTORY the sites that their backups hold.

    A host that has its site already keeps it."""
    names = ", ".join(runner.hosts(inventory, limit))
    question = _(
        "Rebuild {names} from the backup? The old server must not serve any more.", names=names
    )
    if not yes:
        click.confirm(question, abort=True, err=True)
    done = runner.run(inventory, "rebuild", "-y", limit=limit)
    _report(inventory, limit, done)
    next_step(done, inventory)
    sys.exit(done.code)
