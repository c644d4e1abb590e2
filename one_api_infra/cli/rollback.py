"""``one-api-infra rollback``: back to the release of One API before."""

import sys
from pathlib import Path

import click

from one_api_infra.cli.deploy import INVENTORY, LIMIT
from one_api_infra.cli.servers import SECONDS, servers, shell
from one_api_infra.shared import foreign
from one_api_infra.shared.texts import _


@click.command()
@INVENTORY
@LIMIT
@click.option("--yes", is_flag=True, help="Do not ask.")
def rollback(inventory: Path, limit: str | None, yes: bool) -> None:
    """Let the hosts of INVENTORY serve with the release of One API before.

    It shows what would be lost, and asks. Set `version` in INVENTORY to that release too: the next
    deploy brings the one that stands there."""
    failed = False
    for name, server in servers(inventory, limit):
        click.secho(name, bold=True, err=True)
        output, error = server.run(shell("rollback-plan"), SECONDS)
        if error:
            click.secho(foreign.printable(error), fg="red", err=True)
            sys.exit(1)
        click.echo(foreign.printable(output).rstrip(), err=True)
        if not (yes or click.confirm(_("Roll back?"), err=True)):
            sys.exit(1)
        failed = bool(server.show(shell("rollback"))) or failed
    if failed:
        sys.exit(1)
    text = _(
        'Done. Next: set "version" in {path} to the release that serves now; the next deploy would'
        " upgrade again.",
        path=inventory,
    )
    click.secho(text, fg="green", err=True)
