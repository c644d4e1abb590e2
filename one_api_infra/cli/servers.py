"""The servers of an inventory, and the package's own commands on them."""

from collections.abc import Iterator
from pathlib import Path

from one_api_infra.cli import runner
from one_api_infra.remote import inventory as inventories
from one_api_infra.remote.ssh import Server
from one_api_infra.shared import paths
from one_api_infra.shared.texts import language

SECONDS = 300.0  # a slow repository's list, or a copy of a large database


def servers(inventory: Path, limit: str | None) -> Iterator[tuple[str, Server]]:
    """The chosen hosts of an inventory, by name."""
    names = runner.hosts(inventory, limit)
    for name, data in inventories.read(inventory):
        if name in names:
            yield name, Server(name, data)


def shell(command: str) -> str:
    """A command of the package on a server, in the operator's language."""
    return f"ONE_API_INFRA_LANGUAGE={language()} {paths.agent(command)}"
