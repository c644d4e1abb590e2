"""The help of the commands in the operator's language."""

from collections.abc import Iterator
from inspect import cleandoc

import click

from one_api_infra.shared.texts import _


def help_of(command: click.Command) -> Iterator[str]:
    """Every text of a command's help and of those below it."""
    helps = [command.help, *(option.help for option in _options(command))]
    yield from (cleandoc(text) for text in helps if text)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if found := command.get_command(context, name):
                yield from help_of(found)


def translate(command: click.Command) -> None:
    """Put the operator's language into the help of a command and of those that it has."""
    command.help = _(cleandoc(command.help)) if command.help else None
    for option in _options(command):
        option.help = _(option.help) if option.help else None
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        translate(each)


def _options(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]
