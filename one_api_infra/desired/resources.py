"""What a server should hold, as plain values: files, directories and what to look at."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from one_api_infra.shared import units
from one_api_infra.shared.secret import Secret


@dataclass(frozen=True)
class File:
    """A file with its whole content; a ``Secret`` content is never shown."""

    path: str
    content: bytes | Secret
    mode: str = "644"
    owner: str = "root"
    group: str = "root"

    @property
    def data(self) -> bytes:
        """The content as bytes."""
        return self.content if isinstance(self.content, bytes) else self.content.reveal().encode()

    @cached_property
    def sha256(self) -> str:
        """The content's sha256 in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Directory:
    """A directory; what it holds is somebody else's matter."""

    path: str
    mode: str = "755"
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class SnapshotSpec:
    """What a snapshot looks at.

    ``patterns`` are shell patterns for paths whose names are not known beforehand, ``probes``
    shell commands whose output is kept by name.
    """

    paths: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    probes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def merged(cls, parts: Iterable["SnapshotSpec"]) -> "SnapshotSpec":
        """All parts in one, each entry once."""
        parts = tuple(parts)
        return cls(
            paths=_once(path for part in parts for path in part.paths),
            patterns=_once(pattern for part in parts for pattern in part.patterns),
            packages=_once(name for part in parts for name in part.packages),
            units=_once(name for part in parts for name in part.units),
            users=_once(name for part in parts for name in part.users),
            probes={name: command for part in parts for name, command in part.probes.items()},
        )


@dataclass(frozen=True)
class Concern:
    """What one concern of a site puts on a server: deploy, manifest and removal follow from it.

    ``units`` are to be enabled and to run, ``secrets`` are files that the server itself makes, and
    ``beside`` is what a snapshot must hold beside all these.
    """

    files: tuple[File, ...] = ()
    directories: tuple[Directory, ...] = ()
    units: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    beside: SnapshotSpec = SnapshotSpec()

    @property
    def spec(self) -> SnapshotSpec:
        """All that a snapshot must hold; for a unit file also its unit."""
        written = [file.path for file in self.files]
        paths = [*written, *(each.path for each in self.directories)]
        named = (path.rpartition("/") for path in written)
        found = [name for folder, _slash, name in named if folder == units.FOLDER]
        own = SnapshotSpec(
            paths=(*paths, *self.secrets),
            packages=self.packages,
            units=(*self.units, *found),
            users=self.users,
        )
        return SnapshotSpec.merged((own, self.beside))


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
