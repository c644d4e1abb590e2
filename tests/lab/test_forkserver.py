"""A fork of the lab's comes to what the program started anew comes to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from one_api_infra.lab.process import wait_until
from tests.lab import forkserver
from tests.lab.sites import ROOT

PROGRAMS = (
    ("pyinfra", "--version"),
    ("pyinfra", "--no-such-option"),
    ("pyinfra", "@local", "exec", "--", "pwd; echo $WORD; exit 3"),
    ("pytest", "--version"),
    ("pytest", "no-such-file"),
)
# What pytest's time limit does to a test: an exception while it waits.
CUT_OFF = """
import os, signal, sys
from pathlib import Path
from tests.lab import forkserver
folder = Path(sys.argv[1])
def cut(*_):
    if (folder / "numbers").exists():
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise TimeoutError
signal.signal(signal.SIGALRM, cut)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
long = "echo $$ $(grep PPid: /proc/$PPID/status | cut -f2) >new; mv new numbers; exec sleep 600"
forkserver.run("pyinfra", "@local", "exec", "--", long, cwd=folder, environment=os.environ)
"""


@pytest.mark.parametrize("program", PROGRAMS)
def test_comes_to_the_same(program: tuple[str, ...], tmp_path: Path) -> None:
    environment = {**os.environ, "WORD": "given", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    started = subprocess.run(
        [sys.executable, "-m", *program],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    forked = forkserver.run(*program, cwd=tmp_path, environment=environment)
    assert forked.returncode == started.returncode
    assert _without_times(forked.stdout) == _without_times(started.stdout)
    assert _without_times(forked.stderr) == _without_times(started.stderr)


def _without_times(text: str) -> list[str]:
    return [line for line in text.splitlines() if " in 0." not in line]


def test_ends_with_who_waits_for_it(tmp_path: Path) -> None:
    cut_off = subprocess.run([sys.executable, "-c", CUT_OFF, str(tmp_path)], cwd=ROOT, check=False)
    assert cut_off.returncode != 0
    shell, program = map(int, (tmp_path / "numbers").read_text().split())
    os.kill(shell, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{program}").exists(), 10, "the program's end")
