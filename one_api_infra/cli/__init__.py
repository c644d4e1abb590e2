"""The command ``one-api-infra``."""

import sys

import click

from one_api_infra import __version__
from one_api_infra.cli.lazy import LazyGroup
from one_api_infra.cli.translated import translate
from one_api_infra.shared.errors import OperatorError
from one_api_infra.shared.validation import ValidationError


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="one-api-infra")
def commands() -> None:
    """One API sites whose payment callbacks always arrive."""


def main() -> None:
    """Run a command; a refused input is a message and exit code 2, not a traceback."""
    translate(commands)
    commands.translates = True
    try:
        commands()
    except ValidationError as error:
        click.secho(str(error).lstrip("\n"), fg="red", err=True)
        sys.exit(2)
    except OperatorError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)
