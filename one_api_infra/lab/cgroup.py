"""A control group for each host: systemd-nspawn without a unit puts its payload where it stands.

In one group for all, the units of every host share their groups by name: `systemctl kill one-api`
on one of them ends One API on the others, and a stopped unit's group is removed under another's
feet ("Failed to spawn executor").
"""

import contextlib
import os
from pathlib import Path

# The hierarchies that systemd uses: version 2 beside version 1, its own of version 1, version 2.
MOUNTS = {
    Path("/sys/fs/cgroup/unified"): "0::",
    Path("/sys/fs/cgroup/systemd"): "name=systemd:",
    Path("/sys/fs/cgroup"): "0::",
}


def make(machine: str) -> list[Path]:
    """The groups of a host, made if they are not there, below those of this process."""
    made = folders(machine)
    for folder in made:
        folder.mkdir(exist_ok=True)
    return made


def folders(machine: str) -> list[Path]:
    """The folders of a host's groups in the hierarchies of this machine."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    found: dict[str, Path] = {}
    for mount, mark in MOUNTS.items():
        own = next((line.partition(mark)[2] for line in lines if mark in line), None)
        if own is not None and (mount / "cgroup.procs").exists():
            found.setdefault(mark, mount / own.lstrip("/") / f"one-api-lab-{machine}")
    return list(found.values())


def limit(machine: str, size: int) -> None:
    """Let a host have so many bytes of memory, as a small server has.

    By version 1 alone, where memory has a hierarchy of its own: OSError elsewhere.
    """
    group = Path(f"/sys/fs/cgroup/memory/one-api-lab-{machine}")
    group.mkdir(exist_ok=True)
    (group / "memory.limit_in_bytes").write_text(str(size))
    for folder in folders(machine):
        for procs in folder.rglob("cgroup.procs"):
            for pid in procs.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    (group / "cgroup.procs").write_text(pid)


def remove(machine: str) -> None:
    """Remove a host's groups; nothing lives in them any more."""
    for folder in (*folders(machine), Path(f"/sys/fs/cgroup/memory/one-api-lab-{machine}")):
        for path, _folders, _files in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):
                Path(path).rmdir()
