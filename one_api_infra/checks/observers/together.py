"""Looking at many things at once, for a limited time."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

Result = TypeVar("Result")


def together(
    looks: Sequence[Callable[[], Result]], given_up: Sequence[Result], seconds: float
) -> list[Result]:
    """The results in order; ``given_up[i]`` stands where look ``i`` was not done in time.

    The threads are daemons: one that hangs keeps nobody from ending.
    """
    results: list[Result] = list(given_up)

    def run(index: int) -> None:
        results[index] = looks[index]()

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(looks))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    return list(results)
