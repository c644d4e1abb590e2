"""Requests as a payment gateway sends them: its user agent, no redirect, no certificate judged.

Whether the certificate is right is the level below; here it must not hide what stands behind it.
"""

import contextlib
import http.client
import socket
import ssl
import time
import zlib
from functools import partial

from one_api_infra.checks.observation import Exchange, Target
from one_api_infra.checks.observers.together import together
from one_api_infra.shared.callback_domain import origin

SECONDS = 5.0
TOTAL = 11.0
LIMIT = 64 * 1024  # of a body; nobody's status or refusal is longer
AGENT = "Mozilla/5.0 (Windows NT 10.0; WOW64) Chrome/78.0.3904.108"  # epay's
PORTS = {"https": 443, "http": 80}


def callbacks(target: Target, address: str, mark: str) -> tuple[Exchange, ...]:
    """The callback routes of a target, over both schemes, by every method that gateways use.

    ``mark`` goes into the query, so that the probe is found in the callback log.
    """
    asked = [
        (method, scheme, route.path)
        for route in target.routes
        for scheme in (("https",) if target.is_proved_by_dns else PORTS)
        for method in route.methods
    ]
    name = target.callback_domain
    looks = [
        partial(request, method, scheme, name, address, f"{path}?probe={mark}")
        for method, scheme, path in asked
    ]
    late = [Exchange(m, f"{s}://{name}{path}", error="timeout") for m, s, path in asked]
    return tuple(together(looks, late, TOTAL))


def front(name: str, address: str) -> Exchange:
    """What answers at port 80 for a name: nginx, or who stands before it."""
    return request("GET", "http", name, address, "/")


def status(target: Target, address: str) -> Exchange:
    """``/api/status``."""
    late = Exchange("GET", f"{origin(target.domain)}/api/status", error="timeout")
    gather = partial(request, "GET", "https", target.domain, address, "/api/status")
    return together([gather], [late], TOTAL)[0]


def request(method: str, scheme: str, name: str, address: str, path: str) -> Exchange:
    """One request, tried again when the connection broke."""
    found = _request(method, scheme, name, address, path)
    broke = found.error not in {"", "timeout"}
    return _request(method, scheme, name, address, path) if broke else found


def _request(method: str, scheme: str, name: str, address: str, path: str) -> Exchange:
    url = f"{scheme}://{name}{path.partition('?')[0]}"
    headers = {"Host": name, "User-Agent": AGENT, "Accept-Encoding": "gzip, deflate"}
    body = b"probe=1" if method == "POST" else None
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        with contextlib.closing(_connection(scheme, name, address)) as connection:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            named = {key.lower(): value for key, value in reply.getheaders()}
            text = _text(_read(reply), named.get("content-encoding", ""))
            return Exchange(method, url, reply.status, named, text)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Exchange(method, url, error=_words(error))


def _connection(scheme: str, name: str, address: str) -> http.client.HTTPConnection:
    raw = socket.create_connection((address, PORTS[scheme]), timeout=SECONDS)
    connection = http.client.HTTPConnection(address, PORTS[scheme], timeout=SECONDS)
    if scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        raw = context.wrap_socket(raw, server_hostname=name)
    connection.sock = raw
    return connection


def _read(reply: http.client.HTTPResponse) -> bytes:
    """The beginning of a body; one that never ends, or drips, is cut off."""
    deadline = time.monotonic() + SECONDS
    body = b""
    while len(body) < LIMIT and time.monotonic() < deadline:
        part = reply.read1(LIMIT - len(body))
        if not part:
            break
        body += part
    return body


def _text(body: bytes, encoding: str) -> str:
    """The beginning as text; unpacked only as far, so that a small body cannot become huge."""
    if encoding == "gzip":
        with contextlib.suppress(zlib.error):
            body = zlib.decompressobj(wbits=31).decompress(body, LIMIT)
    return body.decode("utf-8", "replace")


def _words(error: Exception) -> str:
    return "timeout" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
