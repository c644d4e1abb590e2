"""The commands, each imported when it is asked for: to import all of them takes half a second."""

from importlib import import_module
from importlib.util import find_spec

import click
from typing_extensions import override

from one_api_infra.cli.translated import translate

MODULES = {
    **dict.fromkeys(("backup", "snapshots", "restore", "rebuild"), "backup"),
    **{
        name: name.replace("-", "_")
        for name in (
            *("init", "deploy", "verify", "status", "callbacks", "order", "report", "test-payment"),
            *("tunnel", "upgrade", "rollback", "move", "prune", "adopt", "remove", "completion"),
        )
    },
}
LAB = ("demo", "gateway", "lab")  # one-api-infra[lab]


def names() -> list[str]:
    """The commands that there are here."""
    return sorted((*MODULES, *(LAB if find_spec("one_api_infra.lab") else ())))


class LazyGroup(click.Group):
    """A group of the commands above; their help in the operator's language once ``main`` runs."""

    translates = False

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return names()

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in names():
            return None
        if cmd_name not in self.commands:
            module = import_module(f"one_api_infra.cli.{MODULES.get(cmd_name, cmd_name)}")
            self.add_command(getattr(module, cmd_name.replace("-", "_")))
            if self.translates:
                translate(self.commands[cmd_name])
        return self.commands[cmd_name]
