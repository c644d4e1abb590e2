"""Reading the callback log from where it was left, over rotations and compression."""

import contextlib
import gzip
import hashlib
import json
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, cast

BATCH = 1000  # lines in one transaction
BATCH_BYTES = 2 * 1024 * 1024
# seconds; a worker writes to the rotated file until it is told to open the new one
HANDOVER = 5.0
LONGEST = 256 * 1024  # bytes; a body of 64 KiB is 88 in base64


@dataclass(frozen=True)
class Place:
    """How far the log was read: the file, by its first line, and the bytes of it.

    The first line holds a request's id. An inode would be given to the next file as soon as this
    one is compressed, and its lines would be passed over.
    """

    head: str = ""
    offset: int = 0

    @classmethod
    def parse(cls, text: str) -> "Place":
        """From a note; from the beginning if there is none."""
        return cls(**json.loads(text)) if text else cls()

    def plain(self) -> str:
        """For a note."""
        return json.dumps(asdict(self))


def end(log: Path) -> Place:
    """Where the log ends now; its beginning while it is empty."""
    if not log.is_file():
        return Place()
    with _open(log) as stream:
        head = _head(stream)
    return Place(head, log.stat().st_size) if head else Place()


def since(log: Path, moment: float) -> Place:
    """Where the oldest file begins that was written to since a time."""
    paths = [path for path in log.parent.glob(f"{log.name}*") if path.is_file()]
    for path in sorted(paths, key=_number, reverse=True):
        if path.stat().st_mtime >= moment:
            with _open(path) as stream:
                if head := _head(stream):
                    return Place(head)
    return end(log)


def batches(log: Path, place: Place) -> Iterator[tuple[list[bytes], Place]]:
    """New lines, oldest first, each batch with the place after it.

    If the file that was read last is gone, all are read: what the ledger has already, it leaves
    alone. A line that is still being written is left for the next time.
    """
    for path, head in _files(log, place):
        start = place.offset if head == place.head else 0
        with contextlib.suppress(FileNotFoundError), _open(path) as stream:
            if _head(stream) != head:  # rotated since: the next look finds its place by the head
                return
            is_written = 0 <= time.time() - path.stat().st_mtime < HANDOVER
            yield from _lines(stream, head, start)
            if not is_written or path.name == log.name:
                continue
        return


def _files(log: Path, place: Place) -> list[tuple[Path, str]]:
    """The files that may hold something new, oldest first, with their first lines' sums."""
    paths = [path for path in log.parent.glob(f"{log.name}*") if path.is_file()]
    names = {path.name for path in paths}  # one that is being compressed is whole without it yet
    paths = [path for path in paths if path.name.removesuffix(".gz") not in names - {path.name}]
    paths.sort(key=_number, reverse=True)
    found: list[tuple[Path, str]] = []
    for path in reversed(paths):  # the newest first: the one that was read last is among them
        with _open(path) as stream:
            head = _head(stream)
        if head:
            found.insert(0, (path, head))
        if head and head == place.head:
            break
    return found


def _head(stream: BinaryIO) -> str:
    """The sum of a file's first line; empty while it has none."""
    line = _line(stream)
    is_whole = line.endswith(b"\n") or len(line) == LONGEST
    return hashlib.sha256(line).hexdigest()[:16] if is_whole else ""


def _number(path: Path) -> int:
    """logrotate's number: 0 for the log itself."""
    digits = [part for part in path.name.split(".") if part.isdigit()]
    return int(digits[0]) if digits else 0


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb"))


def _line(stream: BinaryIO) -> bytes:
    """The next line; none where a compressed file was cut off, as by a loss of power."""
    try:
        return stream.readline(LONGEST)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return b""


def _lines(stream: BinaryIO, head: str, start: int) -> Iterator[tuple[list[bytes], Place]]:
    lines: list[bytes] = []
    offset, size = start, 0
    with contextlib.suppress(EOFError, zlib.error, gzip.BadGzipFile):
        stream.seek(start)
    while line := _line(stream):
        if not line.endswith(b"\n") and len(line) < LONGEST:
            break
        offset += len(line)
        size += len(line)
        lines.append(line)
        if len(lines) == BATCH or size >= BATCH_BYTES:
            yield lines, Place(head, offset)
            lines, size = [], 0
    yield lines, Place(head, offset)
