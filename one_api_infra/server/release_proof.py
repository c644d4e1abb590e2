"""Proving that an instance is One API through, before it gets a request."""

import http.client
from collections.abc import Iterator

from one_api_infra.server import one_api
from one_api_infra.server.local import edition, site
from one_api_infra.shared.texts import _

PROBE = "one-api-infra-probe"
REQUEST_ID = "X-Oneapi-Request-Id"  # in each answer of all editions
REFUSALS = {200, 400, 401, 403}  # a refusal is HTTP 200 as often as not
WORDS = 200  # characters of an answer that are shown


def refused(port: int, beside: int) -> str:
    """What an instance answers otherwise than One API does; empty if it is One API through.

    A request without a key is refused, and one to each callback route that is no payment too, but
    for routes that the instance at ``beside`` does not know either: releases have more and more.
    """
    own = edition(site())
    if (found := one_api.edition_at(port)) != own.title:
        return _("it says that it is {found}, not {edition}", found=found, edition=own.title)
    return _otherwise(port, "GET", "/v1/models", {401}) or next(_unknown(port, beside), "")


def _unknown(port: int, beside: int) -> Iterator[str]:
    """Of each callback route that an instance does not know, though another does."""
    for route in edition(site()).callback_routes:
        path = route.path.split()[-1]
        path += PROBE * path.endswith("/")
        words = _otherwise(port, route.methods[0], path, REFUSALS)
        if words and not _otherwise(beside, route.methods[0], path, REFUSALS):
            yield words


def _otherwise(port: int, method: str, path: str, wanted: set[int]) -> str:
    """What an answer is, if it is not one of One API's own with such a status."""
    status, is_its_own, words = _asked(port, method, path)
    if status in wanted and is_its_own:
        return ""
    return _(
        "{path} is answered by {found}: this is no release to serve with",
        path=path,
        found=f"{status} {words[:WORDS]}".strip(),
    )


def _asked(port: int, method: str, path: str) -> tuple[int, bool, str]:
    """The status, whether it is One API's own answer and no page, and its words."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers={"Host": site().callback_domain})
        reply = connection.getresponse()
        is_page = "html" in (reply.getheader("Content-Type") or "")
        is_its_own = bool(reply.getheader(REQUEST_ID)) and not is_page
        return reply.status, is_its_own, reply.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, False, str(error)
    finally:
        connection.close()
