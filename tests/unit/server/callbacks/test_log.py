"""The log is read once, over rotations, compression, and lines that are still being written."""

import gzip
import os
import shutil
import time
from pathlib import Path

import pytest

from one_api_infra.server.callbacks import log
from one_api_infra.server.callbacks.log import Place


def read(path: Path, place: Place) -> tuple[list[bytes], Place]:
    found: list[bytes] = []
    for lines, after in log.batches(path, place):
        found += lines
        place = after
    return found, place


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "callbacks.log"
    found.write_bytes(b"1\n2\n")
    return found


def settle(path: Path) -> None:
    """Let a file be one that nobody has written to for a while."""
    os.utime(path, (1, 1))


def test_each_line_once(path: Path) -> None:
    lines, place = read(path, Place())
    assert lines == [b"1\n", b"2\n"]
    with path.open("ab") as stream:
        stream.write(b"3\n4")
    lines, place = read(path, place)
    assert lines == [b"3\n"]
    with path.open("ab") as stream:
        stream.write(b"4\n")
    assert read(path, Place.parse(place.plain()))[0] == [b"44\n"]


def test_over_a_rotation(path: Path) -> None:
    _lines, place = read(path, Place())
    with path.open("ab") as stream:
        stream.write(b"3\n")
    rotated = path.rename(path.with_name("callbacks.log.1"))
    path.write_bytes(b"4\n")
    assert read(path, place)[0] == [b"3\n"]  # it may still be written to
    settle(rotated)
    assert read(path, place)[0] == [b"3\n", b"4\n"]


def test_over_two_rotations_and_compression(path: Path) -> None:
    _lines, place = read(path, Place())
    old = path.with_name("callbacks.log.2.gz")
    with path.open("rb") as source, gzip.open(old, "wb") as target:
        shutil.copyfileobj(source, target)
    path.unlink()
    middle = path.with_name("callbacks.log.1")
    middle.write_bytes(b"3\n")
    path.write_bytes(b"4\n")
    settle(old)
    settle(middle)
    assert read(path, place)[0] == [b"3\n", b"4\n"]


def test_all_is_read_where_the_last_file_is_gone(path: Path) -> None:
    _lines, place = read(path, Place())
    path.unlink()
    path.write_bytes(b"3\n4\n5\n")  # perhaps with the inode of the one before
    assert read(path, place)[0] == [b"3\n", b"4\n", b"5\n"]


def test_a_line_without_end_is_cut(path: Path) -> None:
    path.write_bytes(b"x" * (log.LONGEST + 10) + b"\n1\n")
    assert read(path, Place())[0][-1] == b"1\n"


def test_no_log_is_no_error(tmp_path: Path) -> None:
    assert read(tmp_path / "callbacks.log", Place()) == ([], Place())


def test_over_a_rotation_while_an_older_file_is_read(path: Path) -> None:
    path.rename(path.with_name("callbacks.log.1"))
    settle(path.with_name("callbacks.log.1"))
    path.write_bytes(b"3\n4\n")
    looks = log.batches(path, Place())
    lines, place = next(looks)
    path.with_name("callbacks.log.1").rename(path.with_name("callbacks.log.2"))
    settle(path.rename(path.with_name("callbacks.log.1")))
    path.write_bytes(b"5\n6\n7\n")
    for found, after in looks:
        lines += found
        place = after
    lines += read(path, place)[0]
    assert lines == [b"1\n", b"2\n", b"3\n", b"4\n", b"5\n", b"6\n", b"7\n"]


@pytest.mark.parametrize("size", [0, 5, 20, 30])
def test_a_compressed_file_that_was_cut_off_stops_nothing(path: Path, size: int) -> None:
    cut = path.with_name("callbacks.log.2.gz")
    cut.write_bytes(gzip.compress(b"0\n" * 999)[:size])
    settle(cut)
    assert read(path, Place())[0][-2:] == [b"1\n", b"2\n"]


def test_a_clock_that_was_set_back_holds_nothing_up(path: Path) -> None:
    rotated = path.rename(path.with_name("callbacks.log.1"))
    os.utime(rotated, (time.time() + 3600,) * 2)
    path.write_bytes(b"3\n")
    assert read(path, Place())[0] == [b"1\n", b"2\n", b"3\n"]
