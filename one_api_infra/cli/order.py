"""``one-api-infra order``: what became of one payment."""

import shlex
import sys
from pathlib import Path

import click

from one_api_infra.cli import runner
from one_api_infra.cli.deploy import INVENTORY, LIMIT
from one_api_infra.remote import inventory as inventories
from one_api_infra.remote.ssh import Server
from one_api_infra.shared import foreign, paths
from one_api_infra.shared.texts import _, language

SECONDS = 60.0  # it asks the gateway, too


@click.command()
@click.argument("number")
@INVENTORY
@LIMIT
@click.option("--done", is_flag=True, help="Close its cases: you have dealt with them.")
@click.option("--send", is_flag=True, help="Send it: nobody has credited it by hand.")
def order(number: str, inventory: Path, limit: str | None, done: bool, send: bool) -> None:
    """Show what is known of order NUMBER: callbacks, answers, the gateway's word, the verdict."""
    if done and send:
        raise click.UsageError(_("--done and --send exclude each other"))
    names = runner.hosts(inventory, limit)
    failed = False
    for name, data in inventories.read(inventory):
        if name in names:
            verb = "order-done" if done else "order-send" if send else "order"
            command = paths.agent(f"{verb} {shlex.quote(number)}")
            shell = f"ONE_API_INFRA_LANGUAGE={language()} {command}"
            output, error = Server(name, data).run(shell, SECONDS)
            click.secho(_("{name}: order {number}", name=name, number=number), bold=True)
            for words in filter(None, (output, error)):
                click.echo(foreign.printable(words))
            failed = failed or bool(error)
    sys.exit(int(failed))
