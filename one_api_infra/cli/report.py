"""``one-api-infra report``: the page about payments, as a file to open."""

import sys
from pathlib import Path

import click

from one_api_infra.cli import runner
from one_api_infra.cli.deploy import INVENTORY, LIMIT
from one_api_infra.remote import inventory as inventories
from one_api_infra.remote.ssh import Server
from one_api_infra.shared import paths
from one_api_infra.shared.texts import _, language

SECONDS = 120.0


@click.command()
@INVENTORY
@LIMIT
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    help="The folder for the pages, one a host.",
)
def report(inventory: Path, limit: str | None, output: Path) -> None:
    """Fetch the page about callbacks, credits and open cases of each host of INVENTORY."""
    names = runner.hosts(inventory, limit)
    failed = False
    for name, data in inventories.read(inventory):
        if name in names:
            shell = f"ONE_API_INFRA_LANGUAGE={language()} {paths.agent('report')}"
            page, error = Server(name, data).run(shell, SECONDS)
            failed = failed or bool(error)
            if error:
                click.secho(f"{name}: {error}", fg="red", err=True)
                continue
            output.mkdir(parents=True, exist_ok=True)
            target = output / f"{name}.html"
            target.write_text(page, encoding="utf-8")
            target.chmod(0o600)
            click.echo(_("Open {path} in a browser.", path=target.resolve()))
    sys.exit(int(failed))
