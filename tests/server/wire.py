"""What the tests ask a site from outside, begun side by side when they are collected.

A test asks as ever (``outside.get``, ``outside.speaks``…) and waits for what is on its way
already; a question that was not foreseen is asked then.
"""

import json
import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from one_api_infra.desired.site import Site
from one_api_infra.remote.probe_client import Answer, ProbeClient

AT_ONCE = 32
SECONDS = 5.0
STATUS = "/api/status"
NOBODY = "nobody.invalid"
PANEL = "/panel?a=1"
LOGIN = "/api/user/login"
NO_USER = json.dumps({"username": "nobody", "password": "nobody-here"}).encode()
JSON = {"Content-Type": "application/json"}
PLAIN = {"Accept-Encoding": "gzip"}  # a compressed answer would be one that a gateway cannot read
TLS = ("TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3")
T = TypeVar("T")


class Wire(ProbeClient):
    """A ProbeClient that asks nothing twice, and what is foreseen at once."""

    def __init__(self, site: Site, direct: str = "") -> None:
        super().__init__(site, direct=direct)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="wire")
        self._begun: dict[str, Future[Any]] = {}

    def foresee(self) -> None:
        """Begin what the tests will ask."""
        for path in {STATUS, *self.site.edition.closed_routes, *self.site.edition.read_only_routes}:
            self._begin(super().request, "GET", "https", path, {}, None)
        for scheme in ("https", "http"):
            for method, path in callbacks(self.site):
                self._begin(super().request, method, scheme, path, PLAIN, None)
        self._begin(super().request, "GET", "http", PANEL, {}, None)
        self._begin(super().request, "POST", "https", LOGIN, JSON, NO_USER)
        for version in TLS:
            self._begin(self._speaks, version)
        self._begin(self._protocol)
        self._begin(self._plain, NOBODY)
        self._begin(super().certificate, None)
        self._begin(super().certificate, NOBODY)

    def request(
        self,
        method: str,
        scheme: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """The answer, or what kept it away."""
        asked = self._begin(super().request, method, scheme, path, dict(headers or {}), body)
        return asked.result()

    def certificate(self, name: str | None = None) -> bytes:
        """The certificate for a name."""
        return self._begin(super().certificate, name).result()

    def speaks(self, version: str) -> bool:
        """Whether a version of TLS (a name of ssl.TLSVersion's) is spoken."""
        return self._begin(self._speaks, version).result()

    def protocol(self) -> str | None:
        """What is chosen of HTTP/2 and HTTP/1.1."""
        return self._begin(self._protocol).result()

    def plain(self, name: str) -> bytes:
        """The first bytes that port 80 answers to a Host; none where it hangs up."""
        return self._begin(self._plain, name).result()

    def _begin(self, ask: Callable[..., T], *args: object) -> "Future[T]":
        question = f"{ask.__name__} {args!r}"
        if question not in self._begun:
            self._begun[question] = self._pool.submit(ask, *args)
        return self._begun[question]

    def _plain(self, name: str) -> bytes:
        with socket.create_connection((self.address, 80), timeout=SECONDS) as connection:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            return connection.recv(100)

    def _speaks(self, version: str) -> bool:
        context = self.context(verify=False)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
        try:
            return bool(self._handshake(context))
        except (ssl.SSLError, ConnectionError):
            return False

    def _protocol(self) -> str | None:
        context = self.context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        return self._handshake(context)[0]

    def _handshake(self, context: ssl.SSLContext) -> tuple[str | None]:
        with (
            socket.create_connection((self.address, 443), timeout=SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=self.site.domain) as wrapped,
        ):
            return (wrapped.selected_alpn_protocol(),)


def callbacks(site: Site) -> list[tuple[str, str]]:
    """The method and path of each callback route, with a payment that nobody has."""
    paths = [(route.methods, route.path.split()[-1]) for route in site.edition.callback_routes]
    return [
        (method, f"{path}probe" if path.endswith("/") else path)
        for methods, path in paths
        for method in methods
    ]
