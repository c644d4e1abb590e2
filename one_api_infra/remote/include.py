"""What pyinfra includes is looked for beside the file that is being read, whose name it keeps once.

So who lets the greenlets of other hosts go on meanwhile has to put it back.
"""

import contextlib
from collections.abc import Iterator
from typing import cast

from pyinfra.api import State
from pyinfra.context import ctx_state


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Around whatever waits while deploys are being read."""
    state = cast(State, ctx_state.get())
    name = state.current_exec_filename
    try:
        yield
    finally:
        state.current_exec_filename = name
