"""One API's main process: whose it is, from what it was started, how it has fared."""

import hashlib
import pwd
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from one_api_infra.server.local import remember, run
from one_api_infra.server.serving import under_way
from one_api_infra.shared import paths, started, units
from one_api_infra.shared.process import Holder, Process

UNIT = units.ONE_API
PROPERTIES = "MainPID,NRestarts,ExecMainStartTimestampMonotonic,DropInPaths"
JOURNAL = ("journalctl", f"--unit={UNIT}", "--lines=60", "--no-pager", "--output=cat")
DIED = re.compile(r"Failed with result '([a-z-]+)'")
SERVICE = re.compile(r"/([^/]+\.service|(?:docker|libpod)-[0-9a-f]+\.scope)$", re.M)
DELETED = " (deleted)"


def observe() -> Process:
    """The process, or what its unit tells of the one before."""
    words = run("systemctl", "show", f"--property={PROPERTIES}", UNIT)[1]
    shown = dict(line.split("=", 1) for line in words.splitlines() if "=" in line)
    process = Path(f"/proc/{shown.get('MainPID', '0')}")
    runs = process.name != "0" and process.exists()
    began = int(shown.get("ExecMainStartTimestampMonotonic") or 0) / 1e6
    restarts = int(shown.get("NRestarts") or 0)
    return Process(
        user=_user(process) if runs else "",
        # While it is upgraded the new files are the second instance's.
        is_loaded=not runs or under_way() is not None or _is_loaded(),
        is_release=is_release(),
        restarts=restarts,
        age=time.monotonic() - began if began else 0.0,  # none while it is just being started
        died_of=_died_of() if restarts else "",
        lost=_lost(process) if runs else {},
        holders=holders(),
        drop_ins=tuple(shown.get("DropInPaths", "").split()),
    )


def _user(process: Path) -> str:
    number = process.stat().st_uid
    with suppress(KeyError):
        return pwd.getpwuid(number).pw_name
    return str(number)


def _is_loaded() -> bool:
    """Whether it was started from what is on disk."""
    noted = Path(paths.STARTED)
    return noted.exists() and noted.read_text().strip() == run("sh", "-c", started.SUM)[1]


def is_release() -> bool:
    """Whether the program is whole; its 60 MB are read again only when somebody touched it."""
    program = Path(paths.CURRENT, "one-api").resolve()
    try:
        found = program.stat()
        mark = f"{program} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} "
        noted = Path(paths.RELEASE_SUM)
        known = noted.read_text() if noted.exists() else ""
        if not known.startswith(mark):
            known = mark + _sha256(program)
            remember(noted, known, 0o644)
    except OSError:
        return False
    return known.removeprefix(mark).startswith(program.parent.name)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _died_of() -> str:
    """systemd's word for the last end of it; empty where the journal does not tell."""
    found = DIED.findall(run(*JOURNAL)[1])
    return str(found[-1]) if found else ""


def holders() -> tuple[Holder, ...]:
    """Other processes that have the file of the database open."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            name = (process / "comm").read_text().strip()
            files = {str(handle.readlink()) for handle in (process / "fd").iterdir()}
            if paths.DATABASE in files and unit_of(process.name) != UNIT:
                found.append(Holder(name, int(process.name), unit_of(process.name)))
    return tuple(found)


def file_of(process: str) -> str:
    """The program's file; empty for a process that is gone."""
    with suppress(OSError):
        return str(Path(f"/proc/{process}/exe").readlink()).removesuffix(" (deleted)")
    return ""


def unit_of(process: str) -> str:
    """The service that a process belongs to; empty if none."""
    with suppress(OSError):
        if found := SERVICE.search(Path(f"/proc/{process}/cgroup").read_text()):
            return found[1]
    return ""


def _lost(process: Path) -> Mapping[str, str]:
    """Files of the database that only this process still has."""
    found: dict[str, str] = {}
    for handle in (process / "fd").iterdir():
        with suppress(OSError):  # it was closed just now
            target = str(handle.readlink())
            if target.startswith(paths.DATABASE) and target.endswith(DELETED):
                found[target.removesuffix(DELETED)] = str(handle)
    return dict(sorted(found.items()))
