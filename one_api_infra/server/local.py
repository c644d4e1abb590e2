"""Small things that every server command does: read the site, run a program, write a file."""

import contextlib
import fcntl
import os
import pwd
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from one_api_infra.checks import remedy
from one_api_infra.server import serving
from one_api_infra.shared import editions, foreign, paths, plain
from one_api_infra.shared.editions.api import Api
from one_api_infra.shared.editions.edition import Edition
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.texts import _

NOT_RUN = 127  # a shell's exit code for a program that is not there
LOCK = "/run/one-api-infra.lock"
PROGRAM = 500  # characters of one line of a program's output that are shown; the rest is cut


class CommandError(Exception):
    """A server command failed; the message names cause and remedy."""


def site() -> SiteFile:
    """What this server knows of its site (``site.json``)."""
    try:
        return plain.read(SiteFile, Path(paths.SITE).read_text())
    except (OSError, ValueError, PlainError) as error:
        raise CommandError(
            _(
                "{path} does not tell what the site is: {error}.\n"
                "Remedy: deploy again from your own machine, which writes it.",
                path=paths.SITE,
                error=error,
            )
        ) from None


def edition(site: SiteFile) -> Edition:
    """The site's edition."""
    return editions.get(site.edition)


def api(site: SiteFile, *, token: bool = True) -> Api:
    """One API on loopback, with the stored access token if there is one."""
    path = Path(paths.ACCESS_TOKEN)
    stored = path.read_text().strip() if token and path.is_file() else None
    return Api(edition(site), f"http://127.0.0.1:{serving.port(site)}", stored)


_held: list[IO[str]] = []


@contextlib.contextmanager
def locked(path: str = LOCK) -> Iterator[None]:
    """Let no other command change the site meanwhile; another path is another matter."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w") as lock:
        os.fchmod(handle, 0o600)  # whoever may read it may hold it for ever
        fcntl.flock(lock, fcntl.LOCK_EX)
        _held.append(lock)
        try:
            yield
        finally:
            _held.remove(lock)


@contextlib.contextmanager
def unlocked() -> Iterator[None]:
    """Let another command that this one waits for change the site."""
    for lock in _held:
        fcntl.flock(lock, fcntl.LOCK_UN)
    yield
    for lock in _held:
        fcntl.flock(lock, fcntl.LOCK_EX)


def run(*command: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a program; its exit code (127: it is not there), and both of its outputs as one text."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    except OSError as error:
        return NOT_RUN, f"{command[0]}: {error.strerror}"
    return done.returncode, (done.stdout + done.stderr).strip()


def must(*command: str) -> str:
    """Run a program that must succeed; CommandError with its words otherwise."""
    code, output = run(*command)
    if code:
        raise CommandError(f"{' '.join(command)}: {output}")
    return output


def read_of(user: str, path: str | Path, most: int = 64 * 1024) -> str:
    """A small file that another user has left; OSError for whatever else they put in its place.

    In a directory of theirs it could be a link to anywhere, a pipe that never ends, or a disk.
    ``user`` is empty where a unit with PrivateUsers= reads: there every other's file is nobody's.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(stream.fileno())
        if not (_is_plain(found, user) and found.st_size <= most):
            raise OSError(f"{path}: no file of {user}'s")
        return stream.read(most).decode("utf-8", "replace")


def head_of(user: str, path: str | Path, count: int) -> bytes:
    """The first bytes of a file of another user's, however large, as carefully."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", buffering=0) as stream:
        if not _is_plain(os.fstat(stream.fileno()), user):
            raise OSError(f"{path}: no file of {user}'s")
        return stream.read(count)


def _is_plain(found: os.stat_result, user: str) -> bool:
    is_theirs = not user or found.st_uid == pwd.getpwnam(user).pw_uid
    return is_theirs and stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def write(path: str | Path, content: str | bytes, mode: int = 0o600) -> None:
    """Write a file atomically and durably (OSError); a folder in its place is set aside."""
    target = Path(path)
    if target.is_dir() and not target.is_symlink():
        target.rename(f"{target}.aside.{int(time.time())}")
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).rename(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)  # on a full disk each try would leave one
        raise


def remember(path: str | Path, content: str, mode: int = 0o600) -> None:
    """Write what spares the next look work, in the monitor's folder, which may not be there yet."""
    with contextlib.suppress(OSError):
        Path(path).parent.mkdir(0o755, exist_ok=True)
        write(path, content, mode)


def link(path: str | Path, target: str | Path) -> None:
    """Point a symbolic link to ``target``, atomically."""
    new = Path(f"{path}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.rename(path)


def named(text: str) -> str:
    """A text whose commands name the inventory that their reader uses, if this server knows it."""
    with contextlib.suppress(CommandError):
        return remedy.named(text, site().inventory)
    return text


def tail(lines: Sequence[str], count: int = 15) -> str:
    """The last lines, indented, as part of an error message."""
    return "\n".join(f"    {foreign.line(each, PROGRAM)}" for each in list(lines)[-count:])
