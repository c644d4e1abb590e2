"""Speed-ups beside the one snapshot (``target.gather``), and a time-out for cut connections.

paramiko leaves Nagle's algorithm on, which holds every second small write until the server's
delayed acknowledgement: about 40 ms for each command. And pyinfra, for each operation on each host,
reads the source lines of every frame of the stack to number the operation by file name and line,
and evaluates the types of its own arguments: half of this machine's work for a host.
"""

import functools
import inspect
import socket
from types import FrameType
from typing import Any

SILENT_SECONDS = 15  # a cut network is an error by then, not a run that hangs
OPTION = "ssh_paramiko_connect_kwargs"


def immediate(data: dict[str, Any]) -> dict[str, Any]:
    """A host's data with such a connection; the admin's own arguments for paramiko win."""
    return data | {OPTION: {"transport_factory": _transport} | data.get(OPTION, {})}


def _transport(sock: Any, **options: Any) -> Any:
    from paramiko import Transport  # noqa: PLC0415  # what only reads an inventory needs it not

    if isinstance(sock, socket.socket):  # a ProxyCommand is none
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_SECONDS * 1000)
    made = Transport(sock, **options)
    made.set_keepalive(SILENT_SECONDS // 3)
    return made


@functools.cache
def lighten() -> None:
    """Let pyinfra number operations without reading sources, and know its arguments' types."""
    from pyinfra.api import arguments, util  # noqa: PLC0415

    vars(util).update(stack=_stack, getframeinfo=_place)
    arguments.all_global_arguments = functools.cache(arguments.all_global_arguments)


def _stack() -> list[tuple[FrameType]]:
    """``inspect.stack()``, innermost first, without what is read for each frame."""
    frames, frame = [], inspect.currentframe()
    while frame := frame and frame.f_back:
        frames.append((frame,))
    return frames


def _place(frame: FrameType) -> inspect.Traceback:
    """``inspect.getframeinfo()`` without the source."""
    code = frame.f_code
    return inspect.Traceback(code.co_filename, frame.f_lineno, code.co_name, None, None)
