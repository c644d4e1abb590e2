"""A fork of the lab's comes to what the program started anew comes to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import forkserver

PROGRAMS = (
    ("pyinfra", "--version"),
    ("pyinfra", "--no-such-option"),
    ("pyinfra", "@local", "exec", "--", "pwd; echo $WORD; exit 3"),
    ("pytest", "--version"),
    ("pytest", "no-such-file"),
)


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
