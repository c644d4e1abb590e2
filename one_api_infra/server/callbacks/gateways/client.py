"""Asking a gateway over HTTP: no redirect, bounded in size, and at no address of our own networks.

The address is judged on the connection itself: a name may lead elsewhere each time it is asked for.
"""

from collections.abc import Mapping
from typing import NamedTuple

from one_api_infra.server.callbacks.gateways.addresses import ForbiddenAddressError
from one_api_infra.server.callbacks.gateways.gateway import AskError

TIMEOUT = 10  # seconds for each read; the asker bounds the whole
MOST = 64 * 1024  # bytes of an answer that are read


class HttpAnswer(NamedTuple):
    """What a gateway's server answered."""

    status: int
    body: bytes


def fetch(
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
) -> HttpAnswer:
    """The answer; AskError names the kind of failure, and no part of the URL."""
    # Here: who only looks which keys a gateway lacks would wait for it.
    from one_api_infra.server.callbacks.gateways import session  # noqa: PLC0415

    try:
        with (
            session.make() as connection,
            connection.request(
                method, url, params=params, data=data,
                timeout=TIMEOUT, stream=True, allow_redirects=False,
            ) as reply,
        ):  # fmt: skip
            body = bytes(reply.raw.read(MOST, decode_content=True))
            return HttpAnswer(reply.status_code, body)
    except (*session.FAILURES, ForbiddenAddressError, OSError, ValueError) as error:
        raise AskError(type(error).__name__) from None
