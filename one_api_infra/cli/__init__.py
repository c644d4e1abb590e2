"""The command ``one-api-infra``."""

import sys

import click

from one_api_infra.cli.demo import demo
from one_api_infra.cli.deploy import deploy
from one_api_infra.cli.lab import lab
from one_api_infra.cli.order import order
from one_api_infra.cli.remove import remove
from one_api_infra.cli.report import report
from one_api_infra.cli.status import status
from one_api_infra.cli.translated import translate
from one_api_infra.lab.errors import LabError
from one_api_infra.problems import InvalidError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="one-api-infra")
def commands() -> None:
    """One API sites whose payment callbacks always arrive."""


commands.add_command(deploy)
commands.add_command(demo)
commands.add_command(lab)
commands.add_command(order)
commands.add_command(remove)
commands.add_command(report)
commands.add_command(status)


def main() -> None:
    """Run a command; a refused input is a message and exit code 2, not a traceback."""
    translate(commands)
    try:
        commands()
    except InvalidError as error:
        click.secho(str(error).lstrip("\n"), fg="red", err=True)
        sys.exit(2)
    except LabError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)
