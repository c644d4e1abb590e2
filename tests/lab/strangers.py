"""Strangers on the internet: addresses of their own, from which a site is called."""

import contextlib
import http.client
import selectors
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence

from one_api_infra.lab import process
from one_api_infra.lab.lab import Lab
from tests.lab.sites import LabSite

NETWORK = "198.19.{}.{}"  # beside the lab's own /24, which its hosts reach by their router


@contextlib.contextmanager
def addresses(lab: Lab, count: int) -> Iterator[list[str]]:
    """So many addresses of this machine, while they are used."""
    third = int(lab.network.subnet.network_address) >> 8 & 0xFF
    made = [NETWORK.format((third + n // 250) % 256, n % 250 + 1) for n in range(count)]
    for each in made:
        process.run("ip", "addr", "replace", f"{each}/32", "dev", lab.network.bridge)
    try:
        yield made
    finally:
        for each in made:
            process.run("ip", "addr", "del", f"{each}/32", "dev", lab.network.bridge)


class Stranger:
    """Somebody at ``source`` who calls the site's port 80, or 443, over one connection."""

    def __init__(self, site: LabSite, source: str, *, tls: bool = False) -> None:
        self.host = site.domain
        port = 443 if tls else 80
        self.way = http.client.HTTPConnection(
            site.host.address, port, timeout=5, source_address=(source, 0)
        )
        if tls:
            self.way.connect()
            context = ssl.create_default_context(cafile=str(site.lab.ca.issuer))
            self.way.sock = context.wrap_socket(self.way.sock, server_hostname=self.host)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """The status of one call; 0 if there was no answer."""
        try:
            self.way.request(method, path, body, {"Host": self.host, **(headers or {})})
            reply = self.way.getresponse()
            reply.read()
        except (OSError, http.client.HTTPException):
            self.way.close()
            return 0
        return reply.status


def half_open(site: LabSite, sources: Sequence[str], each: int) -> list[socket.socket]:
    """Connections to port 443 on which nothing is said; those that were let in."""
    opened: list[socket.socket] = []
    for source in sources:
        with selectors.DefaultSelector() as selector:
            for _number in range(each):
                made = socket.socket()
                made.setblocking(False)
                made.bind((source, 0))
                made.connect_ex((site.host.address, 443))
                selector.register(made, selectors.EVENT_WRITE)
            opened += _connected(selector)
    return opened


def _connected(selector: selectors.BaseSelector) -> list[socket.socket]:
    there: list[socket.socket] = []
    until = time.monotonic() + 1.5
    while selector.get_map() and time.monotonic() < until:
        for key, _events in selector.select(0.2):
            selector.unregister(key.fileobj)
            there.append(key.fileobj)  # type: ignore[arg-type]
    for key in list(selector.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
    return there
