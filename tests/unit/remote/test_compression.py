"""A question goes and its answer comes back, compressed, whatever is in either."""

import base64
import gzip
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one_api_infra.remote.compression import answered, asked


def run(script: str, before: str = "") -> list[str]:
    """What pyinfra would get of it: lines."""
    done = subprocess.run(["sh", "-c", before + asked(script)], capture_output=True, check=True)
    return done.stdout.decode().splitlines()


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"]), min_size=1))
def test_every_text_goes_and_comes(text: str) -> None:
    quoted = text.replace("'", "'\\''")
    assert answered(run(f"printf '%s\\n' '{quoted}'; echo \"it's $((1 + 1))\"")) == [text, "it's 2"]


def test_a_shell_that_greets() -> None:
    assert answered(run("echo a; echo; echo b", before="printf 'Welcome! '; ")) == ["a", "", "b"]


def test_words_that_are_no_text() -> None:
    assert answered(run("printf 'a\\377b\\n'")) == ["a\ufffdb"]


def test_a_system_that_cannot_compress_says_so() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run("echo a", before="PATH=/nowhere; ")


@pytest.mark.parametrize("left", [0, 1, 7, 20])
def test_half_an_answer_is_none(left: int) -> None:
    whole = base64.b64encode(gzip.compress(b"answer" * 9)).decode()
    with pytest.raises((ValueError, OSError, EOFError)):
        answered([whole[:left]])


def test_both_are_short() -> None:
    script = "\n".join(
        f"echo /etc/one-api-infra/file-{number}.conf root root" for number in range(400)
    )
    assert len(asked(script)) < len(script) / 3
    assert len("".join(run(script))) < len("".join(answered(run(script)))) / 2
