"""One look at a server: the state of everything declared, read by a single command.

A command over ssh costs a round trip, so the number of commands is the time that a run takes. All
operations of all deploys compare against one snapshot.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from sys import intern

from one_api_infra.desired.resources import Directory, File, SnapshotSpec
from one_api_infra.shared import paths, plain, units
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.state import State

MARK = "\x1eone-api-infra:"
SLOW = ("units", "probe state")
UNIT_PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,ActiveEnterTimestamp,Listen"
)
RUNS = {"LoadState": "loaded", "ActiveState": "active", "NeedDaemonReload": "no"}
# What the agent's own probe is made of and reads: it may tell something else once they change.
READ_BY_STATE = (paths.ZIPAPP, paths.SITE, paths.ROOT_PASSWORD)
FIND = "-maxdepth 0 -printf '%y|%u|%g|%m|%p|%l\\n' 2>/dev/null"


@dataclass(frozen=True)
class PathState:
    """``kind`` is what ``find -printf %y`` calls it: ``f``, ``d``, ``l`` (a link), ..."""

    kind: str
    owner: str
    group: str
    mode: str
    sha256: str = ""
    target: str = ""


@dataclass
class Snapshot:
    """What one look saw. An operation that changes a path notes it here; see ``note``."""

    paths: dict[str, PathState] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    units: dict[str, Mapping[str, str]] = field(default_factory=dict)
    users: dict[str, tuple[str, ...]] = field(default_factory=dict)
    probes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)  # by systemd
    outdated: set[str] = field(default_factory=set)  # units that run as their files were before
    is_stale: bool = False  # a command has run since: probes may see something else now
    is_old: bool = False  # so may every question

    def has_file(self, file: File) -> bool:
        """Whether the file is there, as wanted in every respect."""
        return self.paths.get(file.path) == path_state(file)

    def probe(self, name: str) -> str:
        """A probe's output as one text."""
        return "\n".join(self.probes.get(name, ()))

    def state(self) -> State:
        """What the agent on the server tells; empty where there is none yet."""
        return self._told or State()

    @property
    def has_state(self) -> bool:
        """Whether the agent on the server told its state."""
        return self._told is not None

    @property
    def is_state_lost(self) -> bool:
        """Whether there is an agent on the server that could not tell its state."""
        return bool(self.probe("state")) and not self.has_state

    @cached_property
    def _told(self) -> State | None:
        try:
            return plain.read(State, self.probe("state"))
        except PlainError:
            return None

    def unit(self, name: str, prop: str) -> str:
        """A property of a unit; empty for a unit that does not exist."""
        return self.units.get(name, {}).get(prop, "")

    def is_active(self, name: str) -> bool:
        """Whether a unit runs (a one-shot that remains counts)."""
        return self.unit(name, "ActiveState") in {"active", "reloading"}

    def needs_no_enabling(self, name: str) -> bool:
        """Whether a unit is enabled, or is none that could be."""
        return self.unit(name, "UnitFileState") in {"enabled", "static", "alias", "generated"}

    def starts_at_boot(self, name: str) -> bool:
        """Whether a unit is enabled, and not masked."""
        return self.unit(name, "UnitFileState") == "enabled"

    def is_unread(self, name: str) -> bool:
        """Whether systemd has not read a unit's files as they are now."""
        own = units.path(name)
        says_so = self.unit(name, "NeedDaemonReload") == "yes"
        return says_so or any(path.startswith(own) for path in self.unread)

    def note_unit(self, name: str) -> None:
        """Remember that systemd has just read all files, and that a unit runs and is enabled."""
        self.written.add(name)
        self.outdated.update(filter(self.is_unread, self.units))
        self.outdated.discard(name)
        self.unread.clear()
        self.units = {
            each: {**found, "NeedDaemonReload": "no"} for each, found in self.units.items()
        }
        is_kept = self.needs_no_enabling(name)
        state = self.unit(name, "UnitFileState") if is_kept else "enabled"
        self.units[name] = {
            **self.units.get(name, {}), **RUNS, "UnitFileState": state,
        }  # fmt: skip

    def note_running(self, name: str) -> None:
        """Remember that a unit runs; nothing where there is no name."""
        if name:
            self.units[name] = {**self.units.get(name, {}), "ActiveState": "active"}

    def note(self, path: str, state: PathState | None) -> None:
        """Remember what an operation has just made of a path."""
        self.written.add(path)
        self.unread.add(path)
        self.is_stale |= path in READ_BY_STATE
        if state is None:
            self.paths.pop(path, None)
        else:
            self.paths[path] = state


def path_state(wanted: File | Directory) -> PathState:
    """The state of a path that is as wanted."""
    kind, sha256 = ("f", wanted.sha256) if isinstance(wanted, File) else ("d", "")
    return PathState(kind, wanted.owner, wanted.group, wanted.mode, sha256)


def script(wanted: SnapshotSpec) -> str:
    """The shell command that looks; it reads only, and succeeds on a blank server too.

    What is slow runs in parallel to the rest, its output waits in a pipe.
    """
    path = "export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    sections = dict(_sections(wanted))
    slow = {name: sections.pop(name) for name in SLOW if name in sections}
    shown = [line for name, command in sections.items() for line in _shown(name, command)]
    for name, command in slow.items():
        shown = [f"{{ {command}; }} 2>&1 </dev/null | {{", *shown, _mark(name), "cat", "}"]
    return "\n".join([path, *shown, "true"])


def _shown(name: str, command: str) -> tuple[str, str]:
    return _mark(name), f"{{ {command}; }} 2>&1 </dev/null"


def _mark(name: str) -> str:
    return f"printf '\\036one-api-infra:%s\\n' {shlex.quote(name)}"


def _sections(wanted: SnapshotSpec) -> Iterator[tuple[str, str]]:
    names = " ".join(map(shlex.quote, wanted.paths))
    if wanted.paths:
        yield "paths", f"find {' '.join([names, *wanted.patterns])} {FIND}"
        yield "sha256", f"sha256sum -- {names} 2>/dev/null"
    if wanted.packages:
        names = " ".join(map(shlex.quote, wanted.packages))
        form = "${Package}|${db:Status-Status}|${Version}\\n"
        yield "packages", f"dpkg-query -W -f={shlex.quote(form)} {names} 2>/dev/null"
    if wanted.units:
        names = " ".join(map(shlex.quote, wanted.units))
        yield "units", f"systemctl show --timestamp=unix --property={UNIT_PROPERTIES} -- {names}"
    if wanted.users:
        yield "users", f"getent passwd {' '.join(map(shlex.quote, wanted.users))}"
    for name, command in wanted.probes.items():
        yield f"probe {name}", command


def parse(lines: Iterable[str]) -> Snapshot:
    """The snapshot that the script's output describes.

    Servers have most of it in common, and so what is the same is kept once.
    """
    sections = _split(lines)
    hashes = dict(_hash(line) for line in sections.get("sha256", []))
    snapshot = Snapshot(
        packages=dict(_packages(sections.get("packages", []))),
        units={block.get("Id", ""): block for block in _blocks(sections.get("units", []))},
        users={line.split(":")[0]: tuple(line.split(":")) for line in sections.get("users", [])},
        probes={
            name.removeprefix("probe "): tuple(body)
            for name, body in sections.items()
            if name.startswith("probe ")
        },
    )
    for line in sections.get("paths", []):
        kind, owner, group, mode, path, target = line.split("|", 5)
        sha256 = hashes.get(path, "") if kind == "f" else ""
        snapshot.paths[intern(path)] = _path_state(kind, owner, group, mode, sha256, target)
    return snapshot


@lru_cache(maxsize=10_000)
def _path_state(*told: str) -> PathState:
    return PathState(*told)


def _split(lines: Iterable[str]) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        # A probe's last line may have no end, and the next mark stands behind it.
        rest, mark, following = line.partition(MARK)
        if name and (rest or not mark):
            sections[name].append(rest)
        if mark:
            name, sections[following] = following, []
    return sections


def _hash(line: str) -> tuple[str, str]:
    digest, path = line.split("  ", 1)
    return path, digest


def _packages(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, status, version = line.split("|")
        if status == "installed":
            yield intern(name), intern(version)


def _blocks(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    block: dict[str, str] = {}
    for line in [*lines, ""]:
        if not line and block:
            yield block
            block = {}
        elif "=" in line:
            key, value = map(intern, line.split("=", 1))
            block[key] = f"{block[key]}\n{value}" if key in block else value  # a socket's Listen
