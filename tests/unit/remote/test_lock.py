"""The first command of a run waits for its lock, or ends and says whose it is."""

import subprocess
import time
from pathlib import Path

import pytest

from one_api_infra.remote import lock

ME = "root@laptop, 2026-11-29 12:00:00 +0800 (0a1b2c3d)"


def waited(held: Path, me: str = ME) -> subprocess.Popen[str]:
    """A command that waits for the lock in that file."""
    script = lock.wait(me).replace(lock.LOCK, str(held)).replace("sleep 0.02", "sleep 0")
    command = ["sh", "-c", f"{script}echo done"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


def test_goes_on_as_soon_as_it_is_ours(tmp_path: Path) -> None:
    held = tmp_path / "lock"
    run = waited(held)
    time.sleep(0.3)
    assert run.poll() is None
    held.write_text(f"{ME}\n")
    assert run.communicate(timeout=5) == ("done\n", "")


@pytest.mark.parametrize("words", ["eve@elsewhere (00000000)", f"{ME} ", "", "\x1b[31mred\n\n"])
def test_says_whose_it_is(tmp_path: Path, words: str) -> None:
    held = tmp_path / "lock"
    held.write_text(words)
    output, said = waited(held).communicate(timeout=20)
    assert output == ""
    assert lock.FORCE in said
    assert "\x1b" not in said
    assert "".join(filter(str.isprintable, words)).strip() in said


@pytest.mark.parametrize("me", ["it's me", "a$(touch x)`b`", '"; exit 0'])
def test_any_name(tmp_path: Path, me: str) -> None:
    held = tmp_path / "lock"
    held.write_text(f"{me}\n")
    assert waited(held, me).communicate(timeout=5) == ("done\n", "")
