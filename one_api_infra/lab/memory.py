"""A folder in memory: what a lab of the tests writes is gone after them anyway.

On a disk's file system the kernel spends a quarter of a lab's work on files that are made and
deleted again, and every flush of a host's database waits for all hosts' writes.
"""

import os
import subprocess
from pathlib import Path

from one_api_infra.lab import process

LEAST = 3 << 30  # bytes; the hosts of one lab came to two thirds of it
MEMINFO = Path("/proc/meminfo")


def hold(directory: Path) -> None:
    """Keep what is in ``directory`` in memory from now on; where there is little of it, on disk."""
    size = available(MEMINFO.read_text()) // 3
    if size < LEAST or os.path.ismount(directory):
        return
    directory.mkdir(parents=True, exist_ok=True)
    process.run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", directory)


def drop(directory: Path) -> None:
    """Forget it, if it was held."""
    if os.path.ismount(directory):
        # Lazily: somebody's shell may stand in it.
        subprocess.run(["umount", "--lazy", str(directory)], capture_output=True, check=False)


def available(meminfo: str) -> int:
    """The bytes that can still be had without swapping, from the text of /proc/meminfo."""
    lines = dict(line.split(":", 1) for line in meminfo.splitlines())
    return int(lines["MemAvailable"].split()[0]) << 10
