"""Running pyinfra, and believing it only as far as it can be believed.

pyinfra exits 0 for an inventory that does not exist, for a limit that matches nothing, and
after Ctrl-C; with ``--json`` a run that failed everywhere prints nothing.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import click

from one_api_infra.desired import project
from one_api_infra.remote import inventory
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem, ValidationError

ROOT = project.ROOT
# In a checkout: its own file, whatever the current directory.
INVENTORY = Path("inventory.py") if project.IS_PACKAGED else ROOT / "inventory.py"
INTERRUPTED = 128 + signal.SIGINT
REFUSED = inventory.REFUSED
FILE = re.compile(r"\[\S+\] [~-] /.*")


@dataclass(frozen=True)
class Run:
    """What a run came to: pyinfra's exit code made honest, and its report (None if it died).

    ``files`` are those that a plan says would be written (``[host] ~ /path``) or removed.
    """

    code: int
    report: dict[str, Any] | None
    files: tuple[str, ...] = ()

    @property
    def changes(self) -> list[str]:
        """The names of the operations that would change something (after a dry run)."""
        plan = (self.report or {}).get("plan") or []
        return [entry["name"] for entry in plan if entry["hosts_with_change"]]

    def has_failed(self, host: str) -> bool:
        """Whether the run has failed on a host; on every one, where nothing was reported."""
        results = (self.report or {}).get("results") or {}
        return bool(self.code) and host in results.get("failed_hosts", [host])

    @property
    def totals(self) -> dict[str, int]:
        """How many operations there were of each outcome."""
        results = (self.report or {}).get("results") or {}
        return dict(results.get("totals", {}))


def hosts(path: Path, limit: str | None) -> list[str]:
    """The names of a run's hosts; ValidationError if there is none."""
    if not path.exists():
        expected = _("expected an inventory file")
        remedy = _("`one-api-infra init {path}` writes one", path=path)
        raise ValidationError([Problem(str(path), expected, remedy)])
    if path.is_file() and path.suffix != ".py":
        expected = _("a file of Python: its name ends in .py")
        remedy = _("rename it: {path}", path=path.with_suffix(".py"))
        raise ValidationError([Problem(str(path), expected, remedy)])
    names = [name for name, _data in inventory.read(path)]
    if not names:
        expected = _("at least one host in {path}", path=path)
        raise ValidationError([Problem(str(path), expected, _("add a host to `hosts`"))])
    chosen = [name for name in names if limit is None or fnmatch(name, limit)]
    if not chosen:
        expected = _(
            "a host that matches {limit}; there are: {names}",
            limit=limit or "*",
            names=", ".join(names),
        )
        raise ValidationError([Problem(str(path), expected, _("name one of them"))])
    return chosen


def pyinfra(path: Path, deploy: str) -> list[str]:
    """The literal command."""
    name = f"deploys/{deploy}.py"
    whole = str(ROOT / name) if project.IS_PACKAGED else name
    return [sys.executable, "-m", "pyinfra", str(path.resolve()), whole]


def folder() -> Path:
    """Where pyinfra runs, and leaves its log: never in the installed package."""
    return Path.cwd() if project.IS_PACKAGED else ROOT


def run(
    path: Path, deploy: str, *options: str, limit: str | None = None, quiet: bool = False
) -> Run:
    """Run a deploy; progress goes to standard error.

    ValidationError, before anybody connects, where a host's settings are wrong.
    """
    names = hosts(path, limit)
    inventory.judge([each for each in inventory.read(path) if each[0] in names])
    with contextlib.suppress(OSError):  # pyinfra notes a new server's key there
        Path("~/.ssh").expanduser().mkdir(mode=0o700, exist_ok=True)
    command = [*pyinfra(path, deploy), "--json", *options, *(("--limit", limit) if limit else ())]
    errors = subprocess.PIPE if quiet else None
    environment = os.environ | {"PYINFRA_PROGRESS": "off"}
    process = subprocess.Popen(
        command, cwd=folder(), stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
    )
    (output, told), is_interrupted = _output(process)
    if quiet and process.returncode and not is_interrupted and output.strip():
        click.echo(told or "", nl=False, err=True)  # a host that is away is in no report
    try:
        report = json.loads(output)
    except ValueError:
        interrupted = is_interrupted or "Exiting upon user request" in output
        return Run(INTERRUPTED if interrupted else process.returncode or 1, None)
    files = tuple(FILE.findall(click.unstyle(told or "")))
    return Run(INTERRUPTED if is_interrupted else process.returncode, report, files)


def _output(process: "subprocess.Popen[str]") -> tuple[tuple[str, str | None], bool]:
    """What it printed, and whether somebody ended it: by Ctrl-C, which pyinfra got too, or so."""
    told: list[int] = []

    def end(number: int, _frame: object) -> None:
        told.append(number)
        process.terminate()

    numbers = (signal.SIGTERM, signal.SIGHUP)  # what nohup lets be ignored stays so
    ours = [each for each in numbers if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in ours}
    try:
        return process.communicate(), bool(told)
    except KeyboardInterrupt:
        return process.communicate(), True
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
