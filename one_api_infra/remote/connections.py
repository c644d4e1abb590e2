"""The ssh connections that all questions share, begun before what asks them has been imported.

Far away a connection takes two seconds.
"""

import tempfile
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from one_api_infra.remote import ssh

Hosts = Mapping[str, Mapping[str, Any]]


class Connections:
    """A connection to each of some hosts, by ssh's ``configuration``; gone with this object."""

    def __init__(self, hosts: Hosts) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="one-api-infra-")
        folder = Path(self._folder.name)
        self.configuration = folder / "ssh_config"
        self.configuration.write_text(ssh.configuration(hosts, folder))
        self._names = tuple(hosts)
        self._made: dict[str, Future[str]] = {}

    def begin(self) -> None:
        """Begin them, once."""
        if not self._made:
            pool = ThreadPoolExecutor(thread_name_prefix="connect")
            for name in self._names:
                self._made[name] = pool.submit(ssh.connect, self.configuration, name)
            pool.shutdown(wait=False)

    def away(self, name: str) -> str:
        """Why a host cannot be asked; empty if it can, or if nobody has tried."""
        return self._made[name].result() if name in self._made else ""


_of: dict[tuple[str, ...], Connections] = {}


def of(hosts: Hosts) -> Connections:
    """The connections to these hosts, the same for whoever asks again."""
    if (names := tuple(hosts)) not in _of:
        _of[names] = Connections(hosts)
    return _of[names]
