"""What differs on the server from what the deploy has left (the manifest)."""

import contextlib
import grp
import hashlib
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path

from one_api_infra.server.local import CommandError, run
from one_api_infra.shared import paths, plain, units
from one_api_infra.shared.manifest import Deviation, Entry, Lacking, Manifest, deviation
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.texts import _

UNITS, NGINX = units.FOLDER, units.NGINX
FOLDERS = (
    UNITS,
    "/etc/systemd/system.control",
    "/run/systemd/system",
    "/run/systemd/system.control",
)
MOST = 16 * 1024 * 1024  # bytes: nothing of ours is larger
RUNNING = {"active", "activating", "reloading", "refreshing"}
ENABLED = {"enabled", "static", "alias", "generated"}


def manifest() -> Manifest:
    """What the deploy has left; CommandError if that cannot be read."""
    try:
        return plain.read(Manifest, Path(paths.MANIFEST).read_text())
    except (OSError, ValueError, PlainError) as error:
        words = _("{path} cannot be read: {error}", path=paths.MANIFEST, error=error)
        raise CommandError(words) from None


def deviations() -> tuple[Deviation, ...]:
    """All that is gone, changed, or has other rights."""
    compared = (
        deviation(path, wanted, entry(Path(path))) for path, wanted in manifest().entries.items()
    )
    return tuple(each for each in compared if each)


def entry(path: Path) -> Entry | None:
    """What stands there; a file that is empty has no hash, as one that is too large."""
    try:
        found = path.lstat()
    except OSError:
        return None
    kind = {stat.S_IFREG: "f", stat.S_IFDIR: "d"}.get(stat.S_IFMT(found.st_mode), "?")
    content_sum = ""
    if kind == "f" and 0 < found.st_size < MOST:
        content_sum = sha256(path.read_bytes())
    mode = f"{stat.S_IMODE(found.st_mode):o}"
    return Entry(kind, _user(found.st_uid), _group(found.st_gid), mode, content_sum)


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _user(number: int) -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(number).pw_name
    return str(number)


def _group(number: int) -> str:
    with contextlib.suppress(KeyError):
        return grp.getgrgid(number).gr_name
    return str(number)


def idle_units() -> Mapping[str, str]:
    """The units that are to run and do not: ``masked``, ``gone``, ``disabled`` or ``stopped``."""
    names = manifest().units
    properties = "--property=Id,LoadState,ActiveState,UnitFileState"
    shown = run("systemctl", "show", properties, *names)[1]
    blocks = [
        dict(line.split("=", 1) for line in each.splitlines()) for each in shown.split("\n\n")
    ]
    states = {name: idleness(block) for name, block in zip(names, blocks, strict=True)}
    return {name: state for name, state in states.items() if state}


def lacking() -> Lacking:
    """The users and packages that are gone."""
    wanted = manifest()
    there = {user.pw_name for user in pwd.getpwall()}
    shown = run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted.packages)[1]
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return Lacking(
        users=tuple(name for name in wanted.users if name not in there),
        packages=tuple(name for name in wanted.packages if name not in installed),
    )


def drop_ins() -> Mapping[str, str]:
    """What somebody else has changed of our units: the file that does, and the unit."""
    own = manifest().entries
    units = [Path(path).name for path in own if Path(path).parent == Path(UNITS)]
    found = {}
    for unit in (*units, NGINX):
        for folder in FOLDERS:
            for path in sorted(Path(folder, f"{unit}.d").glob("*.conf")):
                if str(path) not in own:
                    found[str(path)] = unit
    return found


def idleness(block: Mapping[str, str]) -> str:
    """Why a unit with these properties does not run, or would not at the next start."""
    if block["LoadState"] == "masked":
        return "masked"
    if block["LoadState"] != "loaded":
        return "gone"
    if block["UnitFileState"] not in ENABLED:
        return "disabled"
    return "" if block["ActiveState"] in RUNNING else "stopped"
