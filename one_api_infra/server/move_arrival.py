"""Taking a site over from another server: what that one may ask of this one, by its one key."""

import contextlib
import ipaddress
import os
import shlex
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

from one_api_infra.server import load, one_api, user_files
from one_api_infra.server.local import CommandError, locked, must, run, write
from one_api_infra.shared import move, paths, plain, units
from one_api_infra.shared.backup import DATABASE_FILE
from one_api_infra.shared.move import Arrived
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.texts import _

SWITCH = "/run/one-api-move.lock"
CALLBACKS = "one-api-callbacks"
FILES = (paths.GENERATED, paths.ROOT_PASSWORD, paths.ACCESS_TOKEN)
FOLDERS = ((paths.LETSENCRYPT, ""), (paths.FORMER, ""))
COMING = f"{paths.MOVE}/coming"
CHANGES = f"{paths.DUMP}/changes.db"
LOG_RIGHTS = ("-o", "www-data", "-g", "adm", "-m", "640")  # nginx' workers write it
AUTHORIZED = "/root/.ssh/authorized_keys"


def receive() -> None:
    """Do what the other server asks; sshd has put its words into the environment."""
    words = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    if words.startswith("rsync --server "):
        os.execvp("rrsync", ["rrsync", "-wo", paths.MOVE])  # noqa: S606
    verb, *rest = shlex.split(words) or [""]
    if verb not in VERBS:
        raise CommandError(f"{verb!r}: {', '.join(VERBS)}")
    VERBS[verb](*rest)


def greet(wanted: str) -> None:
    """CommandError if the other server comes by another address than ``moves_from`` says."""
    seen = os.environ.get("SSH_CONNECTION", "").split()[0].removeprefix("::ffff:")
    if ipaddress.ip_address(seen) != ipaddress.ip_address(wanted):
        raise CommandError(
            _(
                "the old server comes by {seen}, and `moves_from` says {wanted}.\n"
                'Remedy: write "moves_from": "{seen}".',
                seen=seen,
                wanted=wanted,
            )
        )


def place() -> None:
    """Put what has come where it belongs, but for the database and the callbacks."""
    if not Path(COMING).exists() and not load.url() and load.is_there():
        raise CommandError(_("there is a One API with data on this server already"))
    Path(COMING).touch()
    copy, basis = _staged(f"{paths.DUMP}/{DATABASE_FILE}"), _staged(paths.DATABASE)
    if copy.exists():  # what rsync compares the database with, when it comes itself
        basis.parent.mkdir(parents=True, exist_ok=True)
        copy.rename(basis)
    for path in FILES:
        if _staged(path).exists():
            write(path, _staged(path).read_bytes())
    if _staged(paths.GENERATED).exists():
        write(paths.GENERATED_COPY, _staged(paths.GENERATED).read_bytes())
    for folder, owner in FOLDERS:
        _replace(folder, owner)
    for release in _staged(f"{paths.ONE_API}/releases").glob("*"):
        if not Path(f"{paths.ONE_API}/releases/{release.name}").exists():
            must("cp", "-a", str(release), f"{paths.ONE_API}/releases/")


def _staged(path: str) -> Path:
    return Path(f"{paths.MOVE_TREE}{path}")


def _replace(folder: str, owner: str) -> None:
    """Let a folder be the one that has come."""
    source, new = _staged(folder), Path(f"{folder}.moved")
    if not source.is_dir() or source.is_symlink():
        return
    shutil.rmtree(new, ignore_errors=True)
    must("cp", "-a", str(source), str(new))
    user = owner or "root"
    must("chown", "-R", "--no-dereference", f"{user}:{user}", str(new))
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def ready(release: str) -> None:
    """CommandError unless all is here but for the last changes."""
    needed = (f"{paths.ONE_API}/releases/{release}", units.path(units.ONE_API), paths.ROOT_PASSWORD)
    if lacking := [path for path in needed if not Path(path).exists()]:
        raise CommandError(_("not here yet: {paths}", paths=", ".join(lacking)))


def start(release: str) -> None:
    """Take the last changes, and let One API run with them."""
    if arrived():
        return
    with locked(SWITCH):  # who is told to stop meanwhile stops what has started by then
        _start(release)


def _start(release: str) -> None:
    place()
    _replace(paths.CALLBACKS, CALLBACKS)
    for log in _staged(str(Path(paths.CALLBACK_LOG).parent)).glob("callbacks.log*"):
        must("install", *LOG_RIGHTS, str(log), str(Path(paths.CALLBACK_LOG).parent / log.name))
    run("systemctl", "kill", "--signal=USR1", "--kill-whom=main", units.NGINX)  # reopen the log
    if not load.url():
        _must_be_plain(_staged(paths.DATABASE))
        load.place(_staged(paths.DATABASE))
    one_api.confirm()
    one_api.activate(release)


def _must_be_plain(path: Path) -> None:
    """What was a user's own there is root's to place here: never a link."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise CommandError(f"{path}: no file")


def stop() -> None:
    """Rest again: the other server goes on serving."""
    with locked(SWITCH):
        if not arrived():
            run("systemctl", "disable", "--now", "--quiet", units.ONE_API)


def merge() -> None:
    """Take what the old One API wrote while its last streams ended; prints what could not be."""
    mark = arrived()
    if mark is None:
        mark = Arrived(time.time(), time.time(), _merge())
        write(paths.ARRIVED, plain.write(mark))
        if not load.url():
            _as_one_api("move-forget")
    print(*mark.told, sep="\n", end="")


def _merge() -> tuple[str, ...]:
    changes = _staged(CHANGES)
    if load.url() or not changes.exists():
        return ()
    _must_be_plain(changes)
    must("install", "-d", "-o", load.USER, "-g", load.USER, "-m", "700", paths.DUMP)
    user_files.leave(changes, load.USER, paths.DUMP, Path(CHANGES).name)
    name = Path(COMING).stat().st_ctime_ns
    try:
        return tuple(_as_one_api("move-merge", CHANGES, str(name)).splitlines())
    finally:
        Path(CHANGES).unlink(missing_ok=True)


def _as_one_api(*command: str) -> str:
    agent = shlex.split(paths.agent(shlex.join(command)))
    return must("runuser", "-u", load.USER, "--", *agent)


def finish() -> None:
    """Take the callbacks that the old server could not hand on; it has no key here any more."""
    path = _staged(f"{paths.MOVE}/callbacks.jsonl")
    if path.exists() and path.stat().st_size and run("id", CALLBACKS)[0] == 0:
        user_files.leave(path, CALLBACKS, paths.JOURNAL_RESTORED, "moved.jsonl")
    with contextlib.suppress(OSError):
        lines = Path(AUTHORIZED).read_text().splitlines(keepends=True)
        write(AUTHORIZED, "".join(line for line in lines if move.COMMENT not in line))
    shutil.rmtree(paths.MOVE)


def arrived() -> Arrived | None:
    """The site's arrival, once all of it is here."""
    try:
        return plain.read(Arrived, Path(paths.ARRIVED).read_text())
    except (OSError, PlainError):
        return None


VERBS: dict[str, Callable[..., None]] = {
    "greet": greet,
    "place": place,
    "ready": ready,
    "start": start,
    "stop": stop,
    "merge": merge,
    "finish": finish,
}
