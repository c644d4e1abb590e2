"""Killing a run at one of its operations."""

import subprocess
import time

from tests.lab.sites import ROOT, LabSite

BEGINS = "Starting operation"


def kill_at(site: LabSite, point: int | str, delay: float, name: str = "site") -> None:
    """Kill pyinfra (SIGKILL) shortly after an operation has begun: by its number, or its name."""
    run = subprocess.Popen(
        site.command("-y", name=name),
        cwd=ROOT,
        env=site.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr
    begun: list[str] = []
    for line in run.stderr:
        begun += [line] if BEGINS in line else []
        if _is_there(begun, point):
            time.sleep(delay)
            break
    run.kill()
    run.wait()
    assert _is_there(begun, point), "".join(begun)


def _is_there(begun: list[str], point: int | str) -> bool:
    if isinstance(point, int):
        return len(begun) == point
    return bool(begun) and point in begun[-1]
