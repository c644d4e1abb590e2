"""``one-api-infra deploy``: the literal pyinfra command, with a plan first and honest exits."""

import json
import sys
from pathlib import Path

import click

from one_api_infra.checks.remedy import OWN_COMMANDS
from one_api_infra.cli import runner
from one_api_infra.cli.servers import SECONDS, servers, shell
from one_api_infra.desired import project
from one_api_infra.shared import foreign
from one_api_infra.shared.texts import _

INVENTORY = click.argument("inventory", default=runner.INVENTORY, type=click.Path(path_type=Path))
DEPLOYS = {path.stem for path in (project.ROOT / "deploys").glob("*.py")}
CONCERNS = sorted(DEPLOYS - OWN_COMMANDS)
LIMIT = click.option("--limit", help="Only hosts whose name matches this pattern.")


@click.command()
@INVENTORY
@LIMIT
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option("--only", type=click.Choice(CONCERNS), default="site", help="One concern alone.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def deploy(  # noqa: PLR0913, PLR0917  # one an option
    inventory: Path, limit: str | None, yes: bool, dry_run: bool, only: str, as_json: bool
) -> None:
    """Make the hosts of INVENTORY (default: inventory.py) what their settings say."""
    names = runner.hosts(inventory, limit)
    plan = planned(inventory, limit, only=only)
    show_plan(plan, names)
    _show_cuts(plan, inventory, limit)
    if dry_run or not (yes or click.confirm(_("Apply?"), err=True)):
        _print(plan, as_json=as_json)
        sys.exit(plan.code)
    done = runner.run(inventory, only, "-y", limit=limit)
    _print(done, as_json=as_json)
    next_step(done, inventory)
    sys.exit(done.code)


def planned(inventory: Path, limit: str | None, *options: str, only: str = "site") -> runner.Run:
    """What a deploy would change; the end, with its red lines, if it would not come so far."""
    plan = runner.run(inventory, only, "--dry", *options, limit=limit, quiet=True)
    if plan.code == runner.INTERRUPTED:
        sys.exit(plan.code)
    if plan.report is None:
        runner.run(inventory, only, "--dry", *options, limit=limit)
        sys.exit(plan.code)
    if any("preflight.py" in name for name in plan.changes):
        runner.run(inventory, "preflight", "--dry", *options, limit=limit)
        sys.exit(1)
    return plan


def _show_cuts(plan: runner.Run, inventory: Path, limit: str | None) -> None:
    """Why streams would be cut, where One API is changed and two of it cannot run."""
    activation = _("Let One API run from this release")
    if not any(activation in each for each in plan.changes):
        return
    for name, server in servers(inventory, limit):
        output, error = server.run(shell("upgrade-cuts"), SECONDS)
        if output and not error:
            click.secho(f"  ! {name}: {foreign.printable(output).rstrip()}", fg="yellow", err=True)


def show_plan(plan: runner.Run, names: list[str]) -> None:
    """The hosts, and what would be done."""
    click.echo(_("Hosts: {names}", names=", ".join(names)), err=True)
    for name in plan.changes:
        click.echo(f"  ~ {name}", err=True)
    for file in plan.files:
        click.echo(f"    {file}", err=True)
    if not plan.changes:
        click.echo(_("Nothing would change."), err=True)


def _print(run: runner.Run, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(run.report, indent=1))


def next_step(run: runner.Run, inventory: Path) -> None:
    """Say how the run ended, and what to do now."""
    if run.code == runner.INTERRUPTED:
        text = _(
            "Interrupted. The step that was under way still runs on the server until it ends, and"
            " none after it; running the same command again is safe."
        )
        click.secho(text, fg="yellow", err=True)
        return
    if run.code:
        text = _("The run failed: mend what the red lines name, then run the same command again.")
        click.secho(text, fg="red", err=True)
        return
    text = _("Done. Next: `one-api-infra verify {path}`.", path=inventory)
    click.secho(text, fg="green", err=True)
