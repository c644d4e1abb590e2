"""Speed-ups beside the one snapshot (``target.gather``) and the connection (``transport.py``).

pyinfra, for each host, looks twice through all installed packages for its connectors; and for each
operation on each host it reads the source lines of every frame of the stack to number the operation
by file name and line, and evaluates the types of its own arguments: three quarters of this
machine's work for a host.
"""

import functools
import inspect
import sys
from types import FrameType
from typing import Any

OPTION = "ssh_paramiko_connect_kwargs"


def immediate(data: dict[str, Any]) -> dict[str, Any]:
    """A host's data with such a connection; the admin's own arguments for paramiko win."""
    return data | {OPTION: {"transport_factory": _transport} | data.get(OPTION, {})}


def _transport(sock: Any, **options: Any) -> Any:
    from one_api_infra.remote import transport  # noqa: PLC0415  # reading an inventory needs it not

    return transport.made(sock, **options)


@functools.cache
def lighten() -> None:
    """Let pyinfra number operations without reading sources, and know its own types and connectors.

    Nothing where pyinfra does not run: an inventory is read by others, too.
    """
    if "pyinfra.api" not in sys.modules:
        return
    from pyinfra.api import arguments, connectors, util  # noqa: PLC0415

    vars(util).update(stack=_stack, getframeinfo=_place)
    arguments.all_global_arguments = functools.cache(arguments.all_global_arguments)
    vars(connectors).update(entry_points=functools.cache(connectors.entry_points))


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
