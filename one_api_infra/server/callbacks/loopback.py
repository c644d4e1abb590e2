"""Sending a callback to One API on this server once more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import requests
from urllib3.exceptions import HTTPError

from one_api_infra.server.callbacks.gateways.gateway import CallbackRequest
from one_api_infra.shared.callback import Callback
from one_api_infra.shared.editions.edition import Edition

TIMEOUT = 30
MOST = 2048
# Accept-Encoding: One API compresses even the seven bytes of "success".
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "one-api-infra"}


@dataclass(frozen=True)
class Answer:
    """What One API answered; status 0 if it did not."""

    status: int
    body: bytes


Send = Callable[[CallbackRequest], Answer]


class Loopback:
    """One API at ``base``."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.session = requests.Session()
        self.session.trust_env = False

    def __call__(self, callback_request: CallbackRequest) -> Answer:
        """Send it once, as it is; no redirect is followed."""
        url = self.base + callback_request.uri
        request = requests.Request(
            callback_request.method, self.base, data=callback_request.body or None
        ).prepare()
        request.url = url  # as it came: requests would write it anew, and the signature is over it
        request.headers.update({**HEADERS, **callback_request.headers})
        try:
            reply = self.session.send(request, timeout=TIMEOUT, allow_redirects=False, stream=True)
            with reply:
                return Answer(reply.status_code, reply.raw.read(MOST))
        except (requests.RequestException, HTTPError, OSError):
            return Answer(0, b"")


def readable(callback: Callback, edition: Edition) -> CallbackRequest:
    """epay's recorded callback, with the same bytes if One API can read them.

    Where it reads the query alone, what a clone of epay has posted is sent as one: the signature
    is over the parameters, not over the place where they stand. Where callbacks of one order wait
    for each other, nginx has to read the order's number: so they are written plainly.
    """
    is_plain = callback.method in edition.epay_methods and not edition.order_parameter
    if is_plain or "GET" not in edition.epay_methods:
        return as_it_came(callback)
    return CallbackRequest("GET", f"{callback.path}?{urlencode(callback.parameters)}")


def as_it_came(callback: Callback) -> CallbackRequest:
    """A recorded callback, to be sent again with the same bytes."""
    headers: Mapping[str, str] = dict(callback.headers)
    kind = {"Content-Type": callback.content_type} if callback.content_type else {}
    uri = f"{callback.path}?{callback.query}" if callback.query else callback.path
    return CallbackRequest(callback.method, uri, {**headers, **kind}, callback.body)
