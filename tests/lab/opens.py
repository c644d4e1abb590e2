"""Who opens what on a lab host: every open waits until it has been noted (fanotify(7)).

So the opener is still there to be asked who it is, however short its life.
"""

import ctypes
import os
import select
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from one_api_infra.lab import process as processes
from one_api_infra.lab.host import Host

CLASS_CONTENT, CLOEXEC = 0x04, 0x01
MARK_ADD, MARK_FILESYSTEM = 0x01, 0x100
OPEN_PERM, ALLOW, AT_FDCWD = 0x10000, 1, -100
EVENT = struct.Struct("=IBBHQii")  # linux/fanotify.h: length, version, …, mask, file, process
ANSWER = struct.Struct("=iI")
LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Open:
    """One open: the user, the program's command line, and the path as the program sees it."""

    uid: int
    program: str
    path: str


def root(host: Host) -> Path:
    """The host's root directory with all that is mounted in it, as its first process sees it."""
    return Path(f"/proc/{processes.running(host.directory, 'init')}/root")


@contextmanager
def noted(host: Host, folders: tuple[str, ...]) -> Iterator[list[Open]]:
    """All that is opened on the file systems of ``folders`` while the block runs."""
    found: list[Open] = []
    group = _call(LIBC.fanotify_init, CLASS_CONTENT | CLOEXEC, os.O_RDONLY | os.O_LARGEFILE)
    over = threading.Event()
    reader = threading.Thread(target=_read, args=(group, found, over), daemon=True)
    reader.start()
    try:
        for folder in folders:
            place = os.fsencode(root(host) / folder.lstrip("/"))
            flags, mask = MARK_ADD | MARK_FILESYSTEM, ctypes.c_uint64(OPEN_PERM)
            _call(LIBC.fanotify_mark, group, flags, mask, AT_FDCWD, place)
        yield found
    finally:
        over.set()
        reader.join()
        os.close(group)  # what still waits is let through


def _call(function: object, *arguments: object) -> int:
    done = int(function(*arguments))  # type: ignore[operator]
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done


def _read(group: int, found: list[Open], over: threading.Event) -> None:
    while not over.is_set():
        ready, _write, _error = select.select([group], [], [], 0.1)
        for *_head, file, process in _events(os.read(group, 65536) if ready else b""):
            found.append(_who(process, file))
            os.write(group, ANSWER.pack(file, ALLOW))
            os.close(file)


def _events(block: bytes) -> Iterator[tuple[int, ...]]:
    while block:
        event = EVENT.unpack_from(block)
        yield event
        block = block[event[0] :]


def _who(process: int, file: int) -> Open:
    try:
        status = Path(f"/proc/{process}/status").read_text()
        uid = int(status.split("\nUid:")[1].split()[1])  # the effective one
        program = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        uid, program = -1, "?"
    return Open(uid, program.strip(), str(Path(f"/proc/self/fd/{file}").readlink()))
