"""A site as the world sees it: requests to its public address, no redirect followed."""

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from one_api_infra.checks import target
from one_api_infra.checks.observers.dns import addresses
from one_api_infra.desired.site import Site

TIMEOUT = 10.0
GATEWAY_AGENT = "Mozilla/5.0 (Windows NT 10.0; WOW64) Chrome/78.0.3904.108"  # epay's


@dataclass(frozen=True)
class Answer:
    """What came back; header names are lower case, the body is as it was on the wire."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class ProbeClient:
    """The way to a site from elsewhere; ``family`` 4 or 6 says by which addresses.

    Where a CDN answers for the name, it is the server at ``direct`` that is asked.
    """

    def __init__(self, site: Site, family: int = 4, direct: str = "") -> None:
        self.site = site
        answer = addresses([site.domain], site.dns_resolvers)[0]
        chosen = [each for each in answer.addresses if (":" in each) == (family == 6)]
        self.address = chosen[0] if chosen else ""
        if (
            direct
            and not site.proxy_protocol
            and target.of_settings(site.public()).is_behind(self.address)
        ):
            self.address = direct

    def context(self, *, verify: bool = True) -> ssl.SSLContext:
        """TLS as a strict gateway uses it: the public store, or the site's private root."""
        context = ssl.create_default_context(cafile=self.site.trusted_ca_file)
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def is_open(self, port: int, timeout: float = 1.0) -> bool:
        """Whether a TCP port answers."""
        try:
            socket.create_connection((self.address, port), timeout=timeout).close()
        except OSError:
            return False
        return True

    def certificate(self, name: str | None = None) -> bytes:
        """The certificate (DER) that port 443 shows for a name; OSError if none."""
        with (
            socket.create_connection((self.address, 443), timeout=TIMEOUT) as connection,
            self.context(verify=False).wrap_socket(
                connection, server_hostname=name or self.site.domain
            ) as wrapped,
        ):
            return wrapped.getpeercert(binary_form=True) or b""

    def get(self, path: str, **headers: str) -> Answer:
        """GET over HTTPS."""
        return self.request("GET", "https", path, headers)

    def request(
        self,
        method: str,
        scheme: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request with a gateway's user agent; OSError if the connection fails."""
        connection = self._connection(scheme)
        sent = {"Host": str(self.site.domain), "User-Agent": GATEWAY_AGENT, **(headers or {})}
        try:
            connection.request(
                method, path, body, {k.replace("_", "-"): v for k, v in sent.items()}
            )
            reply = connection.getresponse()
            named = {name.lower(): value for name, value in reply.getheaders()}
            return Answer(reply.status, named, reply.read())
        finally:
            connection.close()

    def _connection(self, scheme: str) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(self.address, 80, timeout=TIMEOUT)
        raw = socket.create_connection((self.address, 443), timeout=TIMEOUT)
        connection = http.client.HTTPConnection(self.address, 443, timeout=TIMEOUT)
        connection.sock = self.context().wrap_socket(raw, server_hostname=self.site.domain)
        return connection
