"""The agent starts from bytecode that is of this very program, and of nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from one_api_infra.desired import zipapp
from one_api_infra.server import bytecode, entry

SHOW = "from one_api_infra.server import main; print(main.__file__)"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The agent in a folder, with its bytecode."""
    path = tmp_path / "one-api-infra.pyz"
    path.write_bytes(zipapp.build())
    bytecode.make(str(path))
    return path


def made(program: Path) -> list[Path]:
    return [path for path in program.parent.iterdir() if path != program]


def start(program: Path) -> str:
    """What a command of it comes to."""
    done = subprocess.run(
        [sys.executable, "-P", str(program), "observe"], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_is_found_and_holds_no_source(program: Path) -> None:
    (path,) = made(program)
    assert entry.bytecode(str(program)) == str(path)
    assert path.name.startswith(f"one-api-infra.{zipapp.checksum()}.{entry.TAG}.")
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path[:0] = [{str(path)!r}]; {SHOW}"],
        capture_output=True, text=True, check=True, cwd=program.parent,
    )  # fmt: skip
    assert done.stdout.strip().endswith("main.pyc")


def test_the_same_command_does_the_same(program: Path) -> None:
    fast = start(program)
    (path,) = made(program)
    path.unlink()
    assert fast == start(program)
    assert "site.json" in fast


@pytest.mark.parametrize("harm", ["cut", "empty", "changed", "another program's"])
def test_what_is_not_whole_is_passed_over(program: Path, harm: str) -> None:
    (path,) = made(program)
    data = path.read_bytes()
    harmed = {"cut": data[:-1], "empty": b"", "changed": b"x" + data[1:]}
    if harm in harmed:
        path.write_bytes(harmed[harm])
    else:
        program.write_bytes(zipapp.build() + b"\n")
    assert entry.bytecode(str(program)) == ""


def test_made_anew_it_is_one(program: Path) -> None:
    before = made(program)
    program.write_bytes(zipapp.build() + b"\n")
    bytecode.make(str(program))
    assert len(made(program)) == 1
    assert made(program) != before
