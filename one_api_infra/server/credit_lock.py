"""Who credits an order holds this lock; a hand-over to another instance of One API waits for it.

Each instance locks orders for itself: one order sent to both could be credited twice. It lies on
the callback service's folder, which both sides can open, and which nobody else can.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from one_api_infra.shared import paths

PAUSE = 0.02


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Credit meanwhile, beside others who do."""
    with _folder() as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def nobody(seconds: float) -> Iterator[None]:
    """Nobody credits meanwhile; who is at it is waited for, at most that long."""
    if not Path(paths.CALLBACKS).is_dir():  # nothing has run yet
        yield
        return
    with _folder() as handle:
        until = time.monotonic() + seconds
        while not _is_taken(handle) and time.monotonic() < until:
            time.sleep(PAUSE)
        yield


@contextlib.contextmanager
def _folder() -> Iterator[int]:
    handle = os.open(paths.CALLBACKS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)


def _is_taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
