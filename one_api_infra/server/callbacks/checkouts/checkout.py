"""Making an order as a payer does, and what One API hands to the payer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from one_api_infra.server.callbacks.gateways.gateway import Account
from one_api_infra.shared.editions.api import Api


@dataclass(frozen=True)
class Checkout:
    """``is_code``: the link is to be shown as a QR code.

    The URLs are those that the gateway was given; ``is_told``: the link itself names them, else
    they are what One API makes of its settings.
    """

    number: str
    link: str
    is_code: bool
    notify_url: str
    return_url: str
    is_told: bool


class Till(Protocol):
    """One edition's way to make orders, at gateways of these kinds (none: all).

    Calls raise ApiError.
    """

    KINDS: tuple[str, ...]

    def find(self, api: Api, username: str, /) -> Mapping[str, object] | None:
        """A user, as root sees them."""

    def order(self, root: Api, payer: Api, account: Account, /) -> Checkout:
        """An order of the payer's, of the smallest amount that One API takes."""


def link(url: str, parameters: Mapping[str, str]) -> str:
    """Where the payer's page sends its form."""
    mark = "&" if "?" in url else "?"
    return f"{url}{mark}{urlencode(parameters)}" if parameters else url


def told(link: str) -> tuple[str, str]:
    """The notify URL and the return URL that a link names; empty where it does not."""
    query = parse_qs(urlsplit(link).query)
    return query.get("notify_url", [""])[0], query.get("return_url", [""])[0]
