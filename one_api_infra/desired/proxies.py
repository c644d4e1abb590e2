"""Who may stand before the server: a load balancer's addresses, a CDN's ranges, a file of them."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from one_api_infra.desired import parsers
from one_api_infra.desired.parsers import refuse
from one_api_infra.shared import cloudflare
from one_api_infra.shared.texts import _

CLOUDFLARE = "cloudflare"
SETTING = "trusted_proxies"


def proxy(value: Any, path: str) -> str:
    """One entry: ``cloudflare``, a network, or a file on this machine with one on each line."""
    if value == CLOUDFLARE or (parsers.is_line(value) and value.startswith("/")):
        return str(value)
    return str(parsers.network(value, path))


def networks(entries: Iterable[str]) -> tuple[str, ...]:
    """All networks; ValidationError for a file that cannot be read or holds something else."""
    found = (network for entry in entries for network in _networks(entry))
    return tuple(dict.fromkeys(found))


def _networks(entry: str) -> Iterator[str]:
    if entry == CLOUDFLARE:
        yield from cloudflare.RANGES
    elif entry.startswith("/"):
        yield from (parsers.network(line, f"{SETTING}: {entry}") for line in _lines(entry))
    else:
        yield entry


def _lines(path: str) -> list[str]:
    try:
        lines = [line.strip() for line in Path(path).read_text().splitlines()]
    except (OSError, ValueError) as error:
        expected = _("a file with one network on each line: {error}", error=error)
        raise refuse(SETTING, expected, _("name a file on this machine")) from None
    return [line for line in lines if line and not line.startswith("#")]
