"""Moving a site to another server: what both sides know, and how late changes are merged.

The old server hands new requests on while its own One API ends the streams that it has begun. What
it writes meanwhile belongs into the new server's database, which has gone on: so changes are noted
there and merged here, column by column.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GATE_PORT = 8412  # on loopback: where the old server's nginx hands requests on
COMMENT = "one-api-infra-move"  # of the key by which the old server reaches the new one
# What requests are added up in; all else is replaced.
COUNTER = re.compile(r"quota|(^|_)count(_|$)")
TIME = re.compile(r"_(time|at)$")  # of a row's last use: the later side is right already

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """Where a site goes: an address, ssh's port there, and that server's own key.

    ``comes_from`` is the address by which that server is to know this one.
    """

    address: str
    ssh_port: int
    host_key: str
    comes_from: str


@dataclass(frozen=True)
class Moved:
    """A site that has left a server: where to, when, and for how many seconds requests waited.

    ``ended`` is when its last stream had ended and all was merged (0: not yet), ``told`` what could
    not be merged.
    """

    to: str
    at: float
    waited: float
    ended: float = 0.0
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrived:
    """A site that has come to a server; ``merged`` is when the old one's last changes came."""

    at: float
    merged: float = 0.0
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Merged:
    """What becomes of a row: new values by column, and the columns that both sides changed."""

    values: Row
    conflicts: tuple[str, ...]


def merged(old: Row, new: Row, here: Row) -> Merged:
    """A row that became ``new`` from ``old`` on the other server and is ``here`` by now."""
    values: dict[str, Any] = {}
    conflicts = []
    for name, value in new.items():
        was, now = old[name], here[name]
        if value == was:
            continue
        if COUNTER.search(name) and _are_numbers(was, value, now):
            values[name] = now + value - was
        elif now == was:
            values[name] = value
        elif now != value and not TIME.search(name):
            conflicts.append(name)
    return Merged(values, tuple(conflicts))


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) for value in values)
