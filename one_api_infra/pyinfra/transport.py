"""ssh without waiting: paramiko leaves Nagle's algorithm on, which holds every second small write
until the server's delayed acknowledgement, about 40 ms for each command.
"""

import socket
from typing import Any

OPTION = "ssh_paramiko_connect_kwargs"


def immediate(data: dict[str, Any]) -> dict[str, Any]:
    """A host's data with such a connection; the admin's own arguments for paramiko win."""
    return data | {OPTION: {"transport_factory": _transport} | data.get(OPTION, {})}


def _transport(sock: Any, **options: Any) -> Any:
    from paramiko import Transport  # noqa: PLC0415  # what only reads an inventory needs it not

    if isinstance(sock, socket.socket):  # a ProxyCommand is none
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Transport(sock, **options)
