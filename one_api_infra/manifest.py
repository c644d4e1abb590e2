"""What the deploy has put on a server: every file and folder of ours, every unit that is to run.

The deploy leaves it there (``manifest.json``, for root alone), and the agent compares: so whatever
is removed, cut, edited, closed or masked is seen without a check of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from one_api_infra.resources import Directory, File
from one_api_infra.secret import Secret


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


def entries(
    files: Iterable[File], directories: Iterable[Directory], secrets: Iterable[str]
) -> dict[str, Entry]:
    """What is to stand at each path; ``secrets`` are files that the server itself makes."""
    found = {path: Entry("f", "root", "root", "600") for path in secrets}
    found |= {each.path: Entry("d", each.owner, each.group, each.mode) for each in directories}
    found |= {each.path: _file(each) for each in files}
    return dict(sorted(found.items()))


def _file(file: File) -> Entry:
    sha256 = "" if isinstance(file.content, Secret) else file.sha256
    return Entry("f", file.owner, file.group, file.mode, sha256)


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
