"""A command and the look after it, in one journey."""

import subprocess
from pathlib import Path

import pytest

from one_api_infra.desired import snapshot
from one_api_infra.desired.resources import SnapshotSpec
from one_api_infra.remote import compression
from one_api_infra.remote.snapshot import asking
from one_api_infra.shared.paths import STATE_LEFT

WANTED = SnapshotSpec(paths=("/etc/passwd",), probes={"state": "echo looked", "other": "echo seen"})


def asked(command: str, folder: Path) -> tuple[int, snapshot.Snapshot | None]:
    script = ["sh", "-c", asking(command, WANTED)]
    done = subprocess.run(script, env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder)},
                          stdout=subprocess.PIPE, text=True, check=False)  # fmt: skip
    assert not list(folder.iterdir())  # nothing of it stays
    lines = done.stdout.splitlines()
    return done.returncode, snapshot.parse(compression.answered(lines)) if lines else None


@pytest.mark.parametrize(
    ("command", "state"),
    [
        (f"echo words; echo left >${STATE_LEFT}", "left"),
        ("echo words", "looked"),
        (f"rm ${STATE_LEFT}", "looked"),
        (f"set -e; echo left >${STATE_LEFT}; true", "left"),
    ],
)
def test_what_the_command_has_left_is_not_looked_at_again(
    command: str, state: str, tmp_path: Path
) -> None:
    code, found = asked(command, tmp_path)
    assert (code, found and found.probes) == (0, {"state": (state,), "other": ("seen",)})
    assert found and found.paths["/etc/passwd"].sha256


@pytest.mark.parametrize("command", ["exit 7", "set -e; (exit 7); true", "sh -c 'exit 7'"])
def test_of_a_command_that_failed_nothing_is_asked(command: str, tmp_path: Path) -> None:
    assert asked(command, tmp_path) == (7, None)
