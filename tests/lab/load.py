"""Load on a site: something that is done again and again, while something else happens to it."""

import threading
import time
from collections.abc import Callable
from typing import ClassVar


class Load(threading.Thread):
    """Begun at once; ``failures`` is what failed, ``longest`` the seconds of the slowest."""

    begun: ClassVar[list["Load"]] = []

    def __init__(self, act: Callable[[], None], pause: float) -> None:
        super().__init__(daemon=True)
        self.act, self.pause = act, pause
        self.done, self.longest = 0, 0.0
        self.failures: list[str] = []
        self.ended = threading.Event()
        self.begun.append(self)
        self.start()

    def run(self) -> None:
        while not self.ended.wait(self.pause):
            began = time.monotonic()
            try:
                self.act()
            except Exception as error:  # every failure is counted
                self.failures.append(repr(error))
            self.longest = max(self.longest, time.monotonic() - began)
            self.done += 1

    def end(self) -> None:
        """Let it come to its end."""
        self.ended.set()
        self.join()
        self.begun.remove(self)
