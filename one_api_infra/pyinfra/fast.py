"""What makes a run quick beside the one look (``target.look``): two things that cost a wait each.

paramiko leaves Nagle's algorithm on, which holds every second small write until the server's
delayed acknowledgement: about 40 ms for each command. And pyinfra numbers operations by their place
in the stack: for each frame of a file that is no module (a deploy) ``inspect`` asks all modules
whether it is theirs, a third of this machine's work for each host.
"""

import functools
import inspect
import os
import socket
import sys
from pathlib import Path
from typing import Any

OPTION = "ssh_paramiko_connect_kwargs"
DEPLOYS = Path(__file__).parents[2] / "deploys"


def immediate(data: dict[str, Any]) -> dict[str, Any]:
    """A host's data with such a connection; the admin's own arguments for paramiko win."""
    return data | {OPTION: {"transport_factory": _transport} | data.get(OPTION, {})}


def _transport(sock: Any, **options: Any) -> Any:
    from paramiko import Transport  # noqa: PLC0415  # what only reads an inventory needs it not

    if isinstance(sock, socket.socket):  # a ProxyCommand is none
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Transport(sock, **options)


@functools.cache
def know_files() -> None:
    """Tell ``inspect`` once of the files that are no modules: deploys, and what called them."""
    frame, files = inspect.currentframe(), {str(path) for path in DEPLOYS.glob("*.py")}
    while frame:
        files.add(frame.f_code.co_filename)
        frame = frame.f_back
    modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    known: dict[str, str] = getattr(inspect, "modulesbyfile", {})  # its cache; 3.11 to 3.14
    for file in files - modules:
        known.setdefault(os.path.abspath(file), "")  # noqa: PTH100  # as inspect does it
