"""A lab host with a clock of its own: user-mode Linux boots a host's file system.

Containers share the machine's clock. A kernel in user mode has its own, which a program inside
sets as it likes; nobody else's time moves.
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from one_api_infra.lab import process
from one_api_infra.lab.errors import LabError

MEMORY = "768M"


@dataclass(frozen=True)
class OwnClock:
    """``directory`` holds a copy-on-write layer over ``layers`` (uppermost first)."""

    directory: Path
    layers: Sequence[Path]

    @property
    def root(self) -> Path:
        """The file system, readable and writable from here too."""
        return self.directory / "root"

    def mount(self) -> None:
        """Make the file system."""
        for name in ("upper", "work", "root"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        lower = ":".join(map(str, self.layers))
        options = f"lowerdir={lower},upperdir={self.directory}/upper,workdir={self.directory}/work"
        process.run("mount", "-t", "overlay", "overlay", "-o", options, self.root)

    def run(self, seconds: float) -> None:
        """Boot, and wait until the host has powered off by itself."""
        if not shutil.which("linux.uml"):
            raise LabError("there is no user-mode Linux: `apt-get install user-mode-linux`")
        # It ends with whoever started it, however that one ends.
        command = ["setpriv", "--pdeathsig", "KILL"]
        command += ["linux.uml", f"mem={MEMORY}", "root=/dev/root", "rootfstype=hostfs", "rw"]
        command += [f"rootflags={self.root}", "con=null", "con0=fd:0,fd:1"]
        with (self.directory / "console.log").open("wb") as log:
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=seconds,
                check=False,
            )  # fmt: skip

    def remove(self) -> None:
        """Unmount and delete it."""
        subprocess.run(["umount", str(self.root)], capture_output=True, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
