"""The command ``one-api-infra``."""

import sys
from importlib.util import find_spec

import click

from one_api_infra import __version__
from one_api_infra.cli.adopt import adopt
from one_api_infra.cli.backup import backup, rebuild, restore, snapshots
from one_api_infra.cli.callbacks import callbacks
from one_api_infra.cli.completion import completion
from one_api_infra.cli.deploy import deploy
from one_api_infra.cli.init import init
from one_api_infra.cli.move import move
from one_api_infra.cli.order import order
from one_api_infra.cli.prune import prune
from one_api_infra.cli.remove import remove
from one_api_infra.cli.report import report
from one_api_infra.cli.rollback import rollback
from one_api_infra.cli.status import status
from one_api_infra.cli.test_payment import test_payment
from one_api_infra.cli.translated import translate
from one_api_infra.cli.tunnel import tunnel
from one_api_infra.cli.upgrade import upgrade
from one_api_infra.cli.verify import verify
from one_api_infra.shared.errors import OperatorError
from one_api_infra.shared.validation import ValidationError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="one-api-infra")
def commands() -> None:
    """One API sites whose payment callbacks always arrive."""


for _command in (
    *(init, deploy, verify, status, callbacks, order, report, test_payment),
    tunnel,
    *(backup, snapshots, restore, rebuild, upgrade, rollback, move, prune, adopt),
    *(remove, completion),
):
    commands.add_command(_command)

if find_spec("one_api_infra.lab"):  # one-api-infra[lab]
    from one_api_infra.cli.demo import demo
    from one_api_infra.cli.gateway import gateway
    from one_api_infra.cli.lab import lab

    for _command in (demo, gateway, lab):
        commands.add_command(_command)


def main() -> None:
    """Run a command; a refused input is a message and exit code 2, not a traceback."""
    translate(commands)
    try:
        commands()
    except ValidationError as error:
        click.secho(str(error).lstrip("\n"), fg="red", err=True)
        sys.exit(2)
    except OperatorError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)
