"""Background processes that are ended only by who started them.

A process is remembered as its id *and* its start time, so that a number that the kernel has
given to somebody else since then is never killed.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import requests

from one_api_infra.lab.errors import LabError


def run(*command: str | Path, stdin: str | None = None) -> str:
    """Run to the end and return what it printed; LabError with its words if it fails."""
    done = subprocess.run(
        [str(part) for part in command], input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip()
        raise LabError(f"{' '.join(str(part) for part in command)}: {words}")
    return done.stdout


def start(
    directory: Path, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
) -> int:
    """Start a process of its own session; its output goes to ``NAME.log`` in ``directory``."""
    with (directory / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**_own(), **(environment or {})},
        )
    remember(directory, name, child.pid)
    return child.pid


def _own() -> dict[str, str]:
    """The environment without proxies: what a lab asks stands on this machine."""
    return {name: each for name, each in os.environ.items() if not name.lower().endswith("_proxy")}


def write(path: Path, text: str) -> None:
    """Write a file whole: who is killed, or finds the disk full, leaves none that is half."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.rename(path)


def number(path: Path) -> int | None:
    """The number in a file; None where it is gone or holds something else."""
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return None


def remember(directory: Path, name: str, pid: int) -> None:
    """Remember a process under a name, so that ``stop`` ends it."""
    write(directory / f"{name}.pid", f"{pid} {_started(pid)}")


def descendants(directory: Path, name: str) -> list[int]:
    """The processes below a remembered one, the deepest first."""
    pid = running(directory, name)
    return _descendants(pid) if pid else []


def running(directory: Path, name: str) -> int | None:
    """The id of the process that ``start`` began under that name, while it lives."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        pid, started = (directory / f"{name}.pid").read_text().split(" ", 1)
        if _started(int(pid)) == started:
            return int(pid)
    return None


def stop(directory: Path, name: str) -> None:
    """Kill it and its descendants, and wait until it is gone."""
    pid = running(directory, name)
    if pid is not None:
        # The descendants first: a killed systemd-nspawn leaves its container running.
        for each in [*_descendants(pid), pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        wait_until(lambda: running(directory, name) is None, 10, f"{name} to end")
    (directory / f"{name}.pid").unlink(missing_ok=True)


def _descendants(pid: int) -> list[int]:
    """The ids of all processes below one, the deepest first."""
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                found += [*_descendants(child), child]
    return found


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask ``condition`` until it is true; LabError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s for {what}")
        time.sleep(0.05)


def _started(pid: int) -> str:
    """The kernel's start time of a process; empty for one that is gone or a zombie."""
    with contextlib.suppress(ChildProcessError, InterruptedError):
        os.waitpid(pid, os.WNOHANG)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # While a zombie has other threads, these still hold its sockets: a check of its port
        # would reach the old process.
        gone = fields[0] == "Z" and len([*Path(f"/proc/{pid}/task").iterdir()]) == 1
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if gone else fields[19]


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until nobody else is at it; the kernel ends the lock with its holder."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def ancestors(pid: int) -> list[int]:
    """A process and all above it."""
    found = [pid]
    with contextlib.suppress(OSError, ValueError):
        while pid > 1:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            pid = int(words[1])
            found.append(pid)
    return found


def listens(directory: Path, name: str) -> bool:
    """Whether a process listens at a port; LabError with its last words if it has ended."""
    pid = running(directory, name)
    if pid is None:
        words = (directory / f"{name}.log").read_text(errors="replace").strip()[-500:]
        raise LabError(f"{name} has ended at its start: {words}")
    return f"pid={pid}," in run("ss", "-Hltunp")


def session() -> requests.Session:
    """A session that asks what stands on this machine: a proxy of the environment knows it not."""
    made = requests.Session()
    made.trust_env = False
    return made
