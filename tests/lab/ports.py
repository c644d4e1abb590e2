"""Looking at a host's ports from outside, all the time."""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

BATCH = 4000
COMMON = (21, 22, 25, 53, 80, 111, 443, 631, 3000, 3306, 5355, 5432, 6379, 8005, 8080, 9100)


def scan(
    address: str, source: str, ports: Iterable[int] = range(1, 65536), seconds: float = 0.3
) -> set[int]:
    """The ports that answer within ``seconds``.

    ``source`` is another address than the admin's: sshd (9.8 and newer) shuts out for a while
    whoever connects and says nothing.
    """
    found: set[int] = set()
    every = list(ports)
    for start in range(0, len(every), BATCH):
        found |= _scan(address, source, every[start : start + BATCH], seconds)
    return found


def _scan(address: str, source: str, ports: Sequence[int], seconds: float) -> set[int]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found: set[int] = set()
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as sockets:
        for port in ports:
            connection = sockets.enter_context(socket.socket(family))
            connection.setblocking(False)
            connection.bind((source, 0))
            connection.connect_ex((address, port))
            selector.register(connection, selectors.EVENT_WRITE, port)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and selector.get_map():
            for key, _events in selector.select(left):
                selector.unregister(key.fileobj)
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                if not ready.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    found.add(key.data)
    return found


class Watch(threading.Thread):
    """Asks the common ports over and over, until it is told to stop."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """``sources``: for each address to watch, the one to watch it from."""
        super().__init__(daemon=True)
        self.sources = sources
        self.seen: dict[str, set[int]] = {address: set() for address in sources}
        self.rounds = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            for address, source in self.sources.items():
                self.seen[address] |= scan(address, source, COMMON, 0.1)
            self.rounds += 1
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop and wait for the last round."""
        self.ended.set()
        self.join()
