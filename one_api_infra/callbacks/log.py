"""Reading the callback log from where it was left, over rotations and compression."""

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, cast

BATCH = 5000  # lines in one transaction
# seconds; a worker writes to the rotated file until it is told to open the new one
HANDOVER = 5.0
LONGEST = 256 * 1024  # bytes; a body of 64 KiB is 88 in base64


@dataclass(frozen=True)
class Place:
    """How far the log was read: the file (its inode) and the bytes of it."""

    inode: int = 0
    offset: int = 0

    @classmethod
    def parse(cls, text: str) -> "Place":
        """From a note; from the beginning if there is none."""
        return cls(**json.loads(text)) if text else cls()

    def plain(self) -> str:
        """For a note."""
        return json.dumps(asdict(self))


def batches(log: Path, place: Place) -> Iterator[tuple[list[bytes], Place]]:
    """New lines, oldest first, each batch with the place after it.

    A file that is not known (rotated twice while nobody read, or compressed since) is read from
    its beginning: what the ledger has already, it leaves alone. A line that is still being written
    is left for the next time.
    """
    for path in _files(log, place):
        inode, is_written = path.stat().st_ino, time.time() - path.stat().st_mtime < HANDOVER
        start = place.offset if inode == place.inode else 0
        with _open(path) as stream:
            stream.seek(start)
            yield from _lines(stream, inode, start)
        if is_written and path.name != log.name:
            return


def _files(log: Path, place: Place) -> list[Path]:
    """The files that may hold something new, oldest first."""
    found = [path for path in log.parent.glob(f"{log.name}*") if path.is_file()]
    found.sort(key=lambda path: (-_number(path), path.suffix != ".gz"))
    known = [at for at, path in enumerate(found) if path.stat().st_ino == place.inode]
    return found[known[0] :] if known else found


def _number(path: Path) -> int:
    """logrotate's number: 0 for the log itself."""
    digits = [part for part in path.name.split(".") if part.isdigit()]
    return int(digits[0]) if digits else 0


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb"))


def _lines(stream: BinaryIO, inode: int, start: int) -> Iterator[tuple[list[bytes], Place]]:
    lines: list[bytes] = []
    offset = start
    while line := stream.readline(LONGEST):
        if not line.endswith(b"\n") and len(line) < LONGEST:
            break
        offset += len(line)
        lines.append(line)
        if len(lines) == BATCH:
            yield lines, Place(inode, offset)
            lines = []
    yield lines, Place(inode, offset)
