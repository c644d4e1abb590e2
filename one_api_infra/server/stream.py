"""The stream of SQLite's changes on this server: its store, its check, and the way back."""

import contextlib
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from one_api_infra.server import restic as restic_of
from one_api_infra.server.local import CommandError, run, site, write
from one_api_infra.shared import paths, plain, stream, units
from one_api_infra.shared.backup import Settings, StreamDrill, StreamState
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.stream import Carrier
from one_api_infra.shared.texts import _

SERVE = ("rclone", "serve", "webdav", f"--addr=127.0.0.1:{stream.PORT}", f"{stream.REMOTE}:",
         "--buffer-size=0", "--dir-cache-time=1m")  # fmt: skip
# Left behind by a killed rebuild it kept the port, and the store's own unit never started.
SERVE_MEANWHILE = ("setpriv", "--pdeathsig=TERM", *SERVE)
SECONDS = 10.0  # for an answer of the store
START_SECONDS = 30.0
# Of Litestream's levels: each second's changes, and what was made of them; the last is all of it.
NEWEST, ALL = range(2), range(10)
TRIES, RETRY_SECONDS = 3, 2.0  # of a restore: what a broken connection loses is an hour of users
LARGE = 500e6  # bytes that are restored hourly; a larger database less often


def store() -> None:
    """Become rclone, for the first repository that the stream reaches; CommandError for none."""
    settings = restic_of.settings()
    environment = _environment(settings)
    os.execvpe(SERVE[0], SERVE, {**os.environ, **environment})  # noqa: S606


def _environment(settings: Settings) -> dict[str, str]:
    carrier = _carrier(settings)
    done = subprocess.run(
        ["rclone", "obscure", "-"], input=settings.password, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise CommandError(f"rclone: {done.stderr.strip()}")
    login = {"RCLONE_USER": stream.USER, "RCLONE_PASS": stream.password(settings.password)}
    known = stream.variables(carrier, done.stdout.strip(), _known_hosts())
    region = settings.environment.get("AWS_DEFAULT_REGION", "")
    return {**stream.region(region), **settings.environment, **known, **login}


def _carrier(settings: Settings) -> Carrier:
    found = [each for each in map(stream.carrier, settings.repositories) if each]
    carrier = min(found, key=lambda each: each.is_here, default=None)
    if carrier is None:
        raise CommandError(_("the stream reaches no repository of `backup`"))
    return carrier


def _known_hosts() -> str:
    """One file of both: rclone takes no second. ssh has learnt them by restic's first contact."""
    there = [Path(path) for path in (paths.BACKUP_KNOWN_HOSTS, paths.BACKUP_FIRST_CONTACTS)]
    text = "".join(path.read_text() for path in there if path.exists())
    write(paths.STREAM_KNOWN_HOSTS, text, 0o600)
    return paths.STREAM_KNOWN_HOSTS


def observe(began: float) -> StreamState:
    """How the stream is: for ``observe``."""
    changed = _changed(f"{paths.DATABASE}-wal")
    is_active = run("systemctl", "is-active", units.STREAM)[0] == 0
    try:
        newest, words = _stored_since(changed), ""
    except (CommandError, OSError) as error:
        newest, words = 0.0, str(error)
    drilled = None
    with contextlib.suppress(OSError, PlainError):
        drilled = plain.read(StreamDrill, Path(paths.STREAM_DRILL).read_text())
    return StreamState(is_active, began, changed, newest, words, drilled)


def _changed(path: str) -> float:
    with contextlib.suppress(OSError):
        return Path(path).lstat().st_mtime
    return 0.0


def _stored_since(changed: float) -> float:
    """As ``_stored``, with some seconds for what has changed only now."""
    until = time.monotonic() + SECONDS
    while (newest := _stored()) < changed - 1 and time.monotonic() < until:
        time.sleep(1)
    return newest


def _stored() -> float:
    """When the newest change was stored, by the store itself; OSError if it does not say."""
    try:
        return max(_moments(NEWEST), default=0.0)
    except CommandError:
        return time.time()  # the repository does not answer: its own check says so


def _moments(levels: Iterable[int]) -> Iterator[float]:
    """When what stands in the store was stored; CommandError where the repository is silent."""
    import requests  # noqa: PLC0415  # each look of the monitor would wait for it

    login = (stream.USER, stream.password(restic_of.settings().password))
    for level in levels:
        url = f"{stream.URL}/{site().domain}/ltx/{level}/"
        reply = requests.request(
            "PROPFIND", url, headers={"Depth": "1"}, auth=login, timeout=SECONDS
        )
        if reply.status_code == 207:
            yield from stream.stored(reply.text)
        elif reply.status_code != 404:
            raise CommandError(f"{url}: {reply.status_code}")


def drill() -> None:
    """Restore what the stream holds into a private folder, and look whether it is whole."""
    last, size = _last(), _size()
    if last and not last.reason and time.time() - last.at < 3600 * size / LARGE:
        return
    began = time.time()
    target = Path(paths.DRILL_STREAM, "database")
    try:
        _restore(target)
        words = broken(target)
    except (CommandError, OSError) as error:
        words = str(error)
    finally:
        _empty(target.parent)
    since = (last.since if last and last.reason else began) if words else 0.0
    reason, seconds = "broken" if words else "", round(time.time() - began, 1)
    told = StreamDrill(began, since, reason, words[-800:], seconds)
    write(paths.STREAM_DRILL, plain.write(told), 0o644)
    if words:
        raise CommandError(_("The stream cannot be restored: {words}", words=words))


def _last() -> StreamDrill | None:
    with contextlib.suppress(OSError, PlainError):
        return plain.read(StreamDrill, Path(paths.STREAM_DRILL).read_text())
    return None


def _size() -> int:
    return Path(paths.DATABASE).stat().st_size if Path(paths.DATABASE).exists() else 0


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _restore(target: Path, until: float = 0.0) -> None:
    """Let Litestream write the database, as it was at ``until`` (0: last); CommandError."""
    moment = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if until else ""
    when = [f"-timestamp={moment}"] if moment else []
    command = [paths.LITESTREAM, "restore", f"-config={paths.STREAM_CONFIG}", f"-o={target}", *when]
    secret = {stream.PASSWORD: stream.password(restic_of.settings().password)}
    done = subprocess.run(
        [*command, paths.DATABASE], env={**os.environ, **secret}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode or not target.exists():
        raise CommandError((done.stderr.strip() or done.stdout.strip())[-800:])


def broken(path: Path) -> str:
    """What is wrong with a database's file; empty where it is whole."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            database.execute("SELECT count(*) FROM users").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else str(found)


def bring(target: Path, until: float) -> tuple[float, str]:
    """Write what the stream held at ``until`` (0: last) to ``target``.

    Of when that is (0: nothing was brought), and why if nothing was. The store is asked as it runs
    here, or, on a server that is only being made, for this alone.
    """
    for left in reversed(range(TRIES)):
        target.unlink(missing_ok=True)
        try:
            with _served():
                stored = [each for each in _moments(ALL) if not until or each <= until]
                _restore(target, until)
            words = broken(target)
            return (0.0 if words else max(stored, default=0.0)), words
        except (CommandError, OSError) as error:
            words = str(error)
        if left:
            time.sleep(RETRY_SECONDS)
    return 0.0, words


@contextlib.contextmanager
def _served() -> Iterator[None]:
    if run("systemctl", "is-active", units.STREAM_STORE)[0] == 0:
        _wait(lambda: True)  # its unit is active before rclone listens
        yield
        return
    environment = _environment(restic_of.settings())
    with subprocess.Popen(
        SERVE_MEANWHILE, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as serving:  # fmt: skip
        try:
            _wait(lambda: serving.poll() is None)
            yield
        finally:
            serving.terminate()


def _wait(is_alive: Callable[[], bool]) -> None:
    """Until the store answers; CommandError if it does not."""
    import requests  # noqa: PLC0415

    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and is_alive():
        with contextlib.suppress(requests.RequestException):
            requests.request("OPTIONS", stream.URL, timeout=SECONDS)
            return
        time.sleep(0.2)
    raise CommandError(_("the stream's store does not start: `journalctl -u one-api-stream-store`"))
