"""What the deploy has put on a server: every file and folder of ours, every unit that is to run.

The deploy leaves it there (``manifest.json``, for root alone), and the agent compares: so whatever
is removed, cut, edited, closed or masked is seen without a check of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """``kind`` is ``f`` or ``d``; ``sha256`` is empty for folders, and for secrets."""

    kind: str
    owner: str
    group: str
    mode: str
    sha256: str = ""


@dataclass(frozen=True)
class Manifest:
    """The paths, the units that are to be enabled and to run, the users and the packages."""

    entries: Mapping[str, Entry]
    units: tuple[str, ...]
    users: tuple[str, ...]
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Deviation:
    """What is not as it was left; ``fault`` is ``gone``, ``changed`` or ``rights``."""

    path: str
    fault: str


@dataclass(frozen=True)
class Lacking:
    """Users and Debian packages that are to be there and are not."""

    users: tuple[str, ...]
    packages: tuple[str, ...]


def deviation(path: str, wanted: Entry, found: Entry | None) -> Deviation | None:
    """How a path differs from what was left there; of a secret only that it is not empty."""
    if found is None:
        return Deviation(path, "gone")
    if found.kind != wanted.kind or (wanted.sha256 and found.sha256 != wanted.sha256):
        return Deviation(path, "changed")
    if wanted.kind == "f" and not found.sha256:
        return Deviation(path, "changed")
    if (found.owner, found.group, found.mode) != (wanted.owner, wanted.group, wanted.mode):
        return Deviation(path, "rights")
    return None
