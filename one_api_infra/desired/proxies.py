"""Who may stand before the server: a load balancer's addresses, a CDN's ranges, a file of them."""

import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from one_api_infra.desired import parsers
from one_api_infra.desired.parsers import refuse
from one_api_infra.shared import cloudflare
from one_api_infra.shared.texts import _

CLOUDFLARE = "cloudflare"
SETTING = "trusted_proxies"
WIDEST = {4: 8, 6: 8}  # bits that a network of proxies leaves open at most


def proxy(value: Any, path: str) -> str:
    """One entry: ``cloudflare``, a network, or a file on this machine with one on each line."""
    if value == CLOUDFLARE or (parsers.is_line(value) and value.startswith("/")):
        return str(value)
    return _network(value, path)


def _network(value: Any, path: str) -> str:
    """A network of proxies; one that holds half the world is none."""
    found = ipaddress.ip_network(parsers.network(value, path))
    if found.prefixlen < WIDEST[found.version]:
        expected = _("the networks of proxies; whoever is in them tells any client's address")
        raise refuse(path, expected, _("write it as 10.0.0.0/8 or fd00::/8"))
    return str(found)


def networks(entries: Iterable[str]) -> tuple[str, ...]:
    """All networks; ValidationError for a file that cannot be read or holds something else."""
    found = (network for entry in entries for network in _networks(entry))
    return tuple(dict.fromkeys(found))


def _networks(entry: str) -> Iterator[str]:
    if entry == CLOUDFLARE:
        yield from cloudflare.RANGES
    elif entry.startswith("/"):
        yield from (_network(line, f"{SETTING}: {entry}") for line in _lines(entry))
    else:
        yield entry


def _lines(path: str) -> list[str]:
    try:
        lines = [line.strip() for line in Path(path).read_text().splitlines()]
    except (OSError, ValueError) as error:
        expected = _("a file with one network on each line: {error}", error=error)
        raise refuse(SETTING, expected, _("name a file on this machine")) from None
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        expected = _("a file with one network on each line; {path} holds none", path=path)
        raise refuse(SETTING, expected, _("fetch the list again, and look into it"))
    return found
