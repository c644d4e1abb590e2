"""Files in folders of other users, whom root does not trust: a name there may be a link anywhere.

What root brings there is written by their owner, who can lead himself only where he may go anyway.
"""

import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import IO, cast

from one_api_infra.server.local import CommandError, must

KEEP = 'umask 027; mkdir -p "$1" && cat >"$1/.$2.new" && mv -fT "$1/.$2.new" "$1/$2"'
UNPACK = (
    'umask 027; rm -rf "$1.new"; mkdir -p "$1.new" && rm -rf "$1" &&'
    ' tar --extract --directory="$1.new" --no-same-permissions && mv -T "$1.new" "$1"'
)


def opened(path: Path) -> IO[bytes]:
    """A plain file, for reading; CommandError where something else stands in its place."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode) or path.parent.is_symlink():
        os.close(handle)
        raise CommandError(f"{path}: no file")
    return os.fdopen(handle, "rb")


def read(path: Path, target: Path) -> None:
    """Copy a file of theirs to where root alone may read."""
    with opened(path) as source, target.open("wb") as copy:
        os.fchmod(copy.fileno(), 0o600)
        shutil.copyfileobj(source, copy)
        copy.flush()
        os.fsync(copy.fileno())


def remove(user: str, path: str) -> None:
    """Remove a file or folder of theirs."""
    must("runuser", "-u", user, "--", "rm", "-rf", "--", path)


def leave(path: Path, user: str, folder: str, name: str) -> None:
    """Leave a copy of a plain file in a folder of theirs, as theirs."""
    with opened(path) as source:
        _as(user, KEEP, source, folder, name)


def leave_all(path: Path, user: str, folder: str) -> None:
    """The same with all that is in a folder."""
    if path.is_symlink():
        raise CommandError(f"{path}: no folder")
    command = ["tar", "--create", f"--directory={path}", "."]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as packing:
        _as(user, UNPACK, cast("IO[bytes]", packing.stdout), folder)
    if packing.returncode:
        raise CommandError(f"{path}: tar: {packing.returncode}")


def _as(user: str, script: str, source: IO[bytes], *arguments: str) -> None:
    command = ["runuser", "-u", user, "--", "sh", "-c", script, "sh", *arguments]
    done = subprocess.run(command, stdin=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"{'/'.join(arguments)}: {done.stderr.strip()}")
