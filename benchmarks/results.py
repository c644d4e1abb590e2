"""Figures of the benchmarks: kept in ``docs/performance.json``, a section for each benchmark."""

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from one_api_infra.lab.host import Host

FILE = Path(__file__).parents[1] / "docs" / "performance.json"


def median(run: Callable[[], object], runs: int) -> float:
    """The median of the seconds that ``run`` takes."""
    return statistics.median(seconds(run) for _run in range(runs))


def seconds(run: Callable[[], object]) -> float:
    """The seconds that ``run`` takes."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def keep(section: str, figures: Mapping[str, Any], versions: Mapping[str, str]) -> None:
    """Put a section's figures in, with what made them: the command, day, machine and versions."""
    known = read()
    known[section] = {
        "command": " ".join([f"python -m benchmarks.{Path(sys.argv[0]).stem}", *sys.argv[1:]]),
        "day": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": dict(versions),
        "figures": figures,
    }
    FILE.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def read() -> dict[str, Any]:
    """All sections."""
    return dict(json.loads(FILE.read_text())) if FILE.exists() else {}


def machine() -> str:
    """What this ran on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    pages = Path("/proc/meminfo").read_text().split()[1]
    kernel = platform.release().partition("-")[0]
    name = models[0] if models else platform.machine()
    return f"{len(models)} × {name}, {int(pages) >> 20} GiB, Linux {kernel}"


def versions(*names: str) -> dict[str, str]:
    """The versions of Python packages, and of Python."""
    return {name: metadata.version(name) for name in names} | {"Python": platform.python_version()}


def host_versions(host: Host, *names: str) -> dict[str, str]:
    """The versions of Debian packages on a host."""
    shown = host.ssh(f"dpkg-query -W -f='${{Package}} ${{Version}}\\n' {' '.join(names)}")
    return dict(line.split(" ", 1) for line in shown.splitlines())


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table, as Markdown and the terminal show it."""
    shown = [[_shown(cell) for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *shown]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.2f}" if cell < 100 else f"{cell:.0f}"
    return str(cell)
