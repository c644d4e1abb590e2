"""``one-api-infra remove``: take the site off a server."""

import sys
from pathlib import Path

import click

from one_api_infra.cli import runner
from one_api_infra.cli.deploy import INVENTORY, LIMIT
from one_api_infra.shared.texts import _


@click.command()
@INVENTORY
@LIMIT
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--delete-data", is_flag=True, help="Delete the database and the secrets too.")
def remove(inventory: Path, limit: str | None, yes: bool, delete_data: bool) -> None:
    """Remove the site from the hosts of INVENTORY.

    One API's database and secrets stay unless --delete-data; the callback log, its ledger and the
    certificates go."""
    names = ", ".join(runner.hosts(inventory, limit))
    kept = _("One API's database and secrets stay; the callback log and its ledger are deleted")
    if delete_data:
        kept = _("everything is DELETED: database, secrets, callback log and ledger")
    if not yes:
        click.confirm(
            _("Remove the site from {names}? {kept}.", names=names, kept=kept), abort=True
        )
    data = ("--data", f"_remove_data={'delete' if delete_data else 'keep'}")
    done = runner.run(inventory, "remove", "-y", *data, limit=limit)
    if not done.code:
        places = "/var/lib/one-api, /etc/one-api, /var/lib/one-api.kept"
        text = _("Removed. Debian packages stay, and so does an old inventory.")
        click.echo(text if delete_data else _("Removed. Kept: {places}.", places=places), err=True)
    sys.exit(done.code)
