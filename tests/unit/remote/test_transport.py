"""The shell that waits in a channel, as a server's would: here it is this machine's."""

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one_api_infra.remote.transport import WAITING, told


def waited(given: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", WAITING], input=given, capture_output=True, check=False, timeout=20
    )


@pytest.mark.parametrize("code", [0, 1, 7])
def test_output_input_and_exit_code_are_the_commands(code: int) -> None:
    seen = waited(told(f"cat; echo told >&2; exit {code}") + b"its input\n\xff")
    assert (seen.stdout, seen.stderr, seen.returncode) == (b"its input\n\xff", b"told\n", code)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200))
@settings(max_examples=30, deadline=None)
def test_any_text_arrives(text: str) -> None:
    seen = waited(told(f"printf %s {shlex.quote(text)}"))
    assert seen.stdout.decode() == text


def test_a_long_command_arrives() -> None:
    text = "x" * 200_000  # more than an argument may hold
    assert waited(told(f"cat <<END\n{text}\nEND")).stdout.decode().strip() == text


def test_of_a_command_that_is_cut_off_nothing_is_done(tmp_path: Path) -> None:
    made = tmp_path / "made"
    command = told(f"touch {made}\n{{ echo a; }}\ntouch {made}\n")
    for length in range(0, len(command), 3):
        waited(command[:length])
        assert not made.exists(), command[:length]
    waited(command)
    assert made.exists()


def test_none_is_run_where_none_comes() -> None:
    assert waited(b"").returncode != 0
