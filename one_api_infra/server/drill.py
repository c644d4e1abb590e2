"""A drill: the newest snapshot is brought back into a private folder, and compared.

An upload proves nothing; only what was brought back does. restic's own check goes over the
repository's structure, and over a part of its data that is another one each week.
"""

import contextlib
import datetime
import hashlib
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from one_api_infra.server import dump
from one_api_infra.server import restic as restic_of
from one_api_infra.server.backup import WORDS
from one_api_infra.server.local import CommandError, site, write
from one_api_infra.server.restic import Restic
from one_api_infra.shared import backup, paths, plain, restic
from one_api_infra.shared.backup import DrillState, Facts
from one_api_infra.shared.database import SQLITE
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.texts import _

PARTS = 13  # in so many weeks all data are read
SECRETS = (paths.GENERATED, paths.GIVEN)


class DifferentError(Exception):
    """What came back is not what was saved."""


def run() -> None:
    """Try it with each repository; the first failure is what is told."""
    settings = restic_of.settings()
    made = [_attempt(each) for each in restic_of.each(settings)]
    told = next((each for each in made if each.reason), made[0])
    write(paths.DRILL_STATE, plain.write(told), 0o644)
    for each in made:
        print(f"{each.repository}: {each.reason or 'ok'} {each.words}".rstrip(), flush=True)
    if told.reason:
        raise CommandError(_("The drill failed: {words}", words=told.words))


def _attempt(restic_: Restic) -> DrillState:
    began, name = time.time(), restic_.repository.name
    snapshot, taken = "", 0.0
    try:
        found = newest(restic_)
        snapshot, taken = found["short_id"], seconds(found["time"])
        restic_.run("check", f"--read-data-subset={int(began // (7 * 86400)) % PARTS + 1}/{PARTS}")
        with _private() as folder:
            compare(restic_, str(snapshot), folder)
    except (CommandError, OSError) as error:
        words = str(error)
        reason = restic.reason(words)
        return DrillState(began, name, snapshot, taken, reason, restic.detail(words)[-WORDS:])
    except DifferentError as error:
        return DrillState(began, name, snapshot, taken, "different", str(error)[-WORDS:])
    return DrillState(began, name, snapshot, taken, seconds=round(time.time() - began, 1))


@contextlib.contextmanager
def _private() -> Iterator[Path]:
    folder = Path(paths.DRILL)
    _empty(folder)
    try:
        yield folder
    finally:
        _empty(folder)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink() if path.is_file() else shutil.rmtree(path)


def newest(restic_: Restic) -> Mapping[str, str]:
    """The newest snapshot of this site; CommandError if there is none."""
    found = restic_.json("snapshots", f"--host={site().domain}", f"--tag={backup.TAG}")
    if not found:
        raise CommandError(_("one-api-infra: there is no snapshot yet"))
    return dict(max(found, key=lambda each: seconds(each["time"])))


def seconds(text: str) -> float:
    """restic's time (RFC 3339 with nanoseconds) as seconds since 1970."""
    return datetime.datetime.fromisoformat(text).timestamp()


def compare(restic_: Restic, snapshot: str, folder: Path) -> None:
    """Bring back and compare: the database with its own facts, the secrets with the live ones."""
    dump.need_room(folder, Path(paths.DUMP, backup.DATABASE_FILE))
    copy, facts_file = folder / backup.DATABASE_FILE, folder / backup.FACTS_FILE
    restic_.write(facts_file, snapshot, f"{paths.DUMP}/{backup.FACTS_FILE}")
    restic_.write(copy, snapshot, f"{paths.DUMP}/{backup.DATABASE_FILE}")
    facts = facts_of(facts_file)
    if words := differences(facts, copy):
        raise DifferentError(words)
    for path in SECRETS:
        if Path(path).exists():
            restic_.write(folder / "secret", snapshot, path)
            if _sum(folder / "secret") != _sum(Path(path)):
                raise DifferentError(_("{path} in the backup is another one", path=path))


def facts_of(path: Path) -> Facts:
    """The facts beside a copy; DifferentError where they cannot be read."""
    try:
        return plain.read(Facts, path.read_text())
    except PlainError as error:
        raise DifferentError(f"{path.name}: {error}") from None


def differences(facts: Facts, copy: Path) -> str:
    """What a copy of the database lacks, by its facts; empty where it is whole."""
    try:
        rows, quota = _sqlite(copy, facts) if facts.kind == SQLITE else _text(copy, facts)
    except sqlite3.Error as error:
        return str(error)
    wrong = [f"{name}: {rows.get(name, 0)} / {count}" for name, count in facts.rows.items()
             if rows.get(name, 0) != count]  # fmt: skip
    return ", ".join(
        [*wrong, *([f"quota: {quota} / {facts.quota}"] if quota != facts.quota else [])]
    )


def _sqlite(copy: Path, facts: Facts) -> tuple[Mapping[str, int], int]:
    with contextlib.closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as database:
        (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        count = {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
                 for name in facts.rows}  # fmt: skip
        quota = "SELECT coalesce(sum(quota), 0) FROM users"
        return count, int(database.execute(quota).fetchone()[0]) if "users" in count else 0


def _text(copy: Path, facts: Facts) -> tuple[Mapping[str, int], int]:
    content = dump.content(copy)
    if not content.is_whole:
        raise sqlite3.DatabaseError(_("the dump was cut off"))
    return content.rows, content.quota


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
