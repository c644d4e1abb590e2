"""Bringing a site back from its backup: into a running site, or onto a blank server.

What is there is put aside first, and what serves goes on until the copy was brought here and found
whole. Each step can be carried out again: a run that was killed is finished by the next.
"""

import contextlib
import datetime
import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from one_api_infra.server import backup as backup_of
from one_api_infra.server import (
    drill,
    dump,
    journal,
    load,
    one_api,
    revived,
    stream,
    upgrade,
    user_files,
)
from one_api_infra.server import restic as restic_of
from one_api_infra.server.callbacks import rewind
from one_api_infra.server.local import CommandError, must, run, site, write
from one_api_infra.server.restic import Restic
from one_api_infra.shared import backup, paths, plain, snapshot_choice, units
from one_api_infra.shared.backup import Facts
from one_api_infra.shared.clock import zone
from one_api_infra.shared.database import MYSQL, SQLITE
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.snapshot_choice import LATEST, SavedSnapshot
from one_api_infra.shared.texts import _

STAGED = f"{paths.RESTORE}/tree"
CALLBACKS = "one-api-callbacks"
# What the state of a moment is made of; all of it is that moment's.
STATE = (paths.GENERATED, paths.ROOT_PASSWORD, paths.ACCESS_TOKEN)
# What is brought back only where there is none: what is there is newer.
IF_ABSENT = (
    (paths.LETSENCRYPT, ""),
    (f"{paths.STATE}/former-domains", ""),
    (paths.ONE_API, ""),
    (paths.REPORTS, CALLBACKS),
)
STOPPED = (
    *(*units.BACKUP_STARTERS, *reversed(units.STREAM_STARTERS)),
    *(units.BACKUP, units.DRILL, units.DUMP, units.JOURNAL),
    *(units.CALLBACKS_TIMER, units.CALLBACKS, units.ONE_API),
)


@dataclass(frozen=True)
class Mark:
    """A restore that has begun to change things; ``aside`` is where it puts what was there.

    ``keeps_database``: it is on a server of its own, and was not lost with this one. ``streams``:
    the database is the stream's, as it was at ``until`` (0: last), if that is newer.
    """

    snapshot: SavedSnapshot
    aside: str
    keeps_database: bool
    streams: bool = False
    until: float = 0.0


class _UndoneError(Exception):
    """The database could not be brought back, and is as it was."""


def snapshots(form: str = "") -> None:
    """Print what the repositories hold of this site, as lines or as JSON."""
    there = found(site().domain)
    if form:
        print(json.dumps([asdict(each) for each in there], indent=1))
    for each in there if not form else ():
        print(f"{each.id}  {_when(each.taken)}  {each.repository}")


def found(host: str, *, of_all: bool = False) -> list[SavedSnapshot]:
    """All snapshots of a site; CommandError if no repository answers, or one of all does not."""
    told, words = list[SavedSnapshot](), list[str]()
    for restic_ in restic_of.each(restic_of.settings()):
        try:
            told += _of(restic_, host)
        except CommandError as error:
            words.append(f"{restic_.repository.name}: {error}")
    if words and (of_all or not told):
        remedy = _("Remedy: mend it, or take what is gone for good out of `backup`; deploy again.")
        raise CommandError("\n".join([*words, *([remedy] if told else [])]))
    for line in words:
        print(line, file=sys.stderr, flush=True)
    return sorted(told, key=lambda each: each.taken)


def _of(restic_: Restic, host: str) -> Iterator[SavedSnapshot]:
    for each in restic_.json("snapshots", f"--host={host}", f"--tag={backup.TAG}") or ():
        taken = drill.seconds(each["time"])
        yield SavedSnapshot(restic_.repository.name, each["short_id"], taken, each["hostname"])


def plan(choice: str = LATEST) -> None:
    """Print which snapshot it would be, and how it differs from what is here."""
    chosen = _chosen(choice)
    facts = _saved_facts(chosen)
    if words := snapshot_choice.refusal(facts, site()):
        raise CommandError(_("This snapshot is not restored: {words}.", words=words))
    moment = datetime.datetime.fromtimestamp(chosen.taken, zone(site().time_zone))
    print(_("Snapshot {id} of {time:%Y-%m-%d %H:%M:%S %z}, in {repository}",
            id=chosen.id, time=moment, repository=chosen.repository))  # fmt: skip
    if not load.is_there():
        return
    is_read = run("systemctl", "start", units.DUMP)[0] == 0
    now = (backup_of.held_facts() if is_read else None) or facts
    if not is_read:
        print(_("What is here cannot be read: `journalctl -u one-api-dump`. The snapshot holds:"))
    for name, count in sorted(facts.rows.items()):
        print(f"    {name}: {now.rows.get(name, 0) if is_read else '?'} -> {count}")
    print(_("What was added or changed since then is lost; what is here now is put aside."))


def _chosen(choice: str, *, of_all: bool = False) -> SavedSnapshot:
    if not snapshot_choice.is_choice(choice):
        raise CommandError(
            _(
                '"{choice}" is neither a snapshot\'s id nor a time as 2026-11-28T12:00',
                choice=choice,
            )
        )
    there, now = found(site().domain, of_all=of_all), time.time()
    if later := snapshot_choice.to_come(there, now):
        _tell(
            _(
                "Snapshots of a time to come, made while a clock was wrong: {ids}. They are taken"
                " by their id alone.",
                ids=", ".join(each.id for each in later),
            )
        )
    chosen = snapshot_choice.choose(there, choice, now, zone(site().time_zone))
    if chosen is None:
        raise CommandError(
            _("No repository holds such a snapshot. Remedy: `one-api-infra snapshots` lists them.")
        )
    return chosen


def _restic(name: str) -> Restic:
    for each in restic_of.each(restic_of.settings()):
        if each.repository.name == name:
            return each
    raise CommandError(_("{name} is not among the repositories of `backup` any more", name=name))


def _saved_facts(chosen: SavedSnapshot) -> Facts:
    text = _restic(chosen.repository).run("dump", chosen.id, f"{paths.DUMP}/{backup.FACTS_FILE}")
    try:
        return plain.read(Facts, text)
    except PlainError as error:
        raise CommandError(
            _("The snapshot does not say what it holds: {error}", error=error)
        ) from None


def rebuild() -> None:
    """Bring the newest snapshot back where there is no site yet; else do nothing."""
    is_site = load.is_there() and Path(paths.ROOT_PASSWORD).exists()
    if Path(paths.RESTORE_MARK).exists() or not is_site:
        keeps = bool(load.url()) and load.is_there()
        # The newest may be where just now nobody answers.
        _restore(_mark() or Mark(_chosen(LATEST, of_all=True), _aside(), keeps, streams=True))
    else:
        _tell(_("There is a site here already: it stays as it is. Another state: `restore`."))


def restore(choice: str = LATEST) -> None:
    """Bring a snapshot back; see the module. One that was begun is ended, unless another is named.

    What that one has put aside is what was here before.
    """
    until, mark = snapshot_choice.moment(choice, zone(site().time_zone)) or 0.0, _mark()
    if mark and choice == LATEST:
        _restore(mark)
        return
    chosen, aside = _chosen(choice), mark.aside if mark else _aside()
    _restore(Mark(chosen, aside, keeps_database=False, streams=until > 0, until=until))


def _restore(mark: Mark) -> None:
    upgrade.must_have_ended()
    facts = _bring(mark.snapshot)
    streamed: list[str] = []
    if mark.streams and site().backup_stream and facts.kind == SQLITE:
        facts, streamed = _bring_stream(mark, facts)
    if not mark.keeps_database:
        load.must_fit(facts)
        _need_room()
    _tell("\n".join([*streamed, _("Stopping One API")]))
    write(paths.RESTORE_MARK, plain.write(mark))
    write(paths.RESTORE_HALTED, "")  # a reboot would start One API on half of it
    _stop()
    try:
        _bring_back(mark, facts)
    except _UndoneError as error:
        _start()
        Path(paths.RESTORE_MARK).unlink()
        raise CommandError(_("Nothing is changed: {error}", error=error)) from None
    _start()
    Path(paths.RESTORE_MARK).unlink()
    shutil.rmtree(paths.RESTORE)
    aside = Path(mark.aside, Path(paths.DATABASE).name)
    told = [*streamed, *_revived(aside), _unknown(facts)]
    told.append(_("What was here before is in {path}.", path=mark.aside))
    write(paths.RESTORED, "".join(f"{line}\n" for line in told), 0o600)
    _tell("\n".join([_("Restored."), *told]))


def _need_room() -> None:
    """For what a database server is asked to keep and to take; CommandError before it is stopped.

    SQLite's file is put aside by its name alone, unless that is on another disk.
    """
    if load.url():
        dump.need_bytes(Path(paths.STATE), 3 * _copy().stat().st_size)
    elif Path(paths.DATABASE).exists() and _is_elsewhere(Path(paths.DATABASE), Path(paths.STATE)):
        size = sum(Path(f"{paths.DATABASE}{side}").stat().st_size for side in _sides())
        dump.need_bytes(Path(paths.STATE), size)


def _is_elsewhere(one: Path, other: Path) -> bool:
    """Whether two paths are on two disks."""
    return one.stat().st_dev != other.stat().st_dev


def _sides() -> list[str]:
    """SQLite's files that are there, the database itself last: its name says that all are."""
    return [side for side in reversed(load.SIDES) if Path(f"{paths.DATABASE}{side}").exists()]


def _unknown(facts: Facts) -> str:
    """Neither the database nor the journal holds what came in the last seconds before a loss."""
    return _(
        "A payment whose order was made after {time}, and which was confirmed before the loss, may"
        " be known to its gateway alone: compare the payments that it lists from then on with"
        " `one-api-infra report`.",
        time=_when(facts.at),
    )


def _revived(before: Path) -> list[str]:
    """What is valid again: named where the state of before is here, else said."""
    if load.url() or not before.exists():
        return [_("Keys that were revoked and codes that were used since then are valid again.")]
    try:
        found = revived.revived(Path(paths.DATABASE), before)
    except sqlite3.Error as error:
        return [f"{before}: {error}"]
    return [
        _(
            "Valid again, and to be revoked once more if that was meant: {table} {ids}",
            table=table,
            ids=revived.words(ids),
        )
        for table, ids in found.items()
    ]


def _mark() -> Mark | None:
    try:
        return plain.read(Mark, Path(paths.RESTORE_MARK).read_text())
    except (OSError, PlainError):
        return None


def _aside() -> str:
    return f"{paths.ASIDE}/{time.strftime('%Y-%m-%dT%H-%M-%S')}"


def _tell(text: str) -> None:
    print(text, flush=True)


def _bring(chosen: SavedSnapshot) -> Facts:
    """Bring a snapshot here and find it whole, before anything is stopped."""
    _tell(_("Bringing snapshot {id} from {repository}", id=chosen.id, repository=chosen.repository))
    shutil.rmtree(paths.RESTORE, ignore_errors=True)
    Path(paths.RESTORE).mkdir(mode=0o700)
    try:
        restic_ = _restic(chosen.repository)
        size = restic_.json("stats", "--mode=restore-size", chosen.id)["total_size"]
        dump.need_bytes(Path(paths.RESTORE), int(size))
        restic_.run("restore", chosen.id, f"--target={STAGED}")
        facts = drill.facts_of(_staged(f"{paths.DUMP}/{backup.FACTS_FILE}"))
        words = snapshot_choice.refusal(facts, site()) or drill.differences(facts, _copy())
    except (OSError, CommandError, drill.DifferentError) as error:
        words = str(error)
    if words:
        shutil.rmtree(paths.RESTORE)
        raise CommandError(_("This snapshot is not restored: {words}.", words=words))
    return facts


def _bring_stream(mark: Mark, facts: Facts) -> tuple[Facts, list[str]]:
    """Let the copy be the stream's, if that is newer; what it holds then, and what to say of it."""
    target = Path(paths.RESTORE, "stream")
    dump.need_bytes(target.parent, _copy().stat().st_size)
    moment, words = stream.bring(target, mark.until)
    if moment <= facts.at:
        return facts, [
            *([_("The stream: {words}", words=words)] if words else []),
            _("The stream holds nothing newer: the database is of {time}.", time=_when(facts.at)),
        ]
    with contextlib.closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")
        found = dump.sqlite_facts(copy, moment)
    target.rename(_copy())
    told = _("The stream brings the database to {time}.", time=_when(moment))
    return replace(found, edition=facts.edition, version=facts.version), [told]


def _when(moment: float) -> str:
    """As a choice names it: in the site's time zone."""
    here = datetime.datetime.fromtimestamp(moment, zone(site().time_zone))
    return f"{here:%Y-%m-%d %H:%M:%S %z}"


def _staged(path: str) -> Path:
    return Path(f"{STAGED}{path}")


def _copy() -> Path:
    return _staged(f"{paths.DUMP}/{backup.DATABASE_FILE}")


def _stop() -> None:
    for unit in STOPPED:
        run("systemctl", "stop", unit)


def _bring_back(mark: Mark, facts: Facts) -> None:
    """Put what is here aside, once, and the snapshot's into its place."""
    aside = Path(mark.aside)
    aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (*STATE, paths.LEDGER):
        _copy_aside(Path(path), aside)
    if mark.keeps_database:
        _tell(_("The database is on a server of its own, with users in it: it stays as it is."))
    else:
        _bring_database(aside, facts)
        # The ledger's copy is newer than the database's: what was credited between is to be seen.
        write(paths.LEDGER_REWIND, plain.write(rewind.Mark(facts.at, time.time())), 0o644)
    for path in STATE:
        if _staged(path).exists():
            write(path, _staged(path).read_bytes())
    if _staged(paths.GENERATED).exists():
        write(paths.GENERATED_COPY, _staged(paths.GENERATED).read_bytes())
    _bring_ledger()
    journal.bring(Path(STAGED))
    _bring_log()
    for path, owner in IF_ABSENT:
        _bring_if_absent(path, owner)


def _bring_database(aside: Path, facts: Facts) -> None:
    try:
        _database_aside(aside)
    except (CommandError, OSError) as error:
        raise _UndoneError(str(error)) from None
    for name in _loaded(aside, facts):
        _tell(
            _(
                "The ids of {table} are given again: SQLite does not count them in this database."
                " A key that was made after the snapshot may open somebody else's account.",
                table=name,
            )
        )


def _loaded(aside: Path, facts: Facts) -> tuple[str, ...]:
    """What ``load.load`` tells; MySQL takes nothing back: it is given what was put aside."""
    try:
        return load.load(_copy(), facts, aside / Path(paths.DATABASE).name)
    except (CommandError, OSError) as error:
        if facts.kind == MYSQL and not (aside / backup.FACTS_FILE).exists():
            raise  # nothing to give it back: the next run ends it
        if facts.kind == MYSQL:
            before = aside / f"{backup.DATABASE_FILE}.copy"
            shutil.copyfile(aside / backup.DATABASE_FILE, before)
            load.load(before, drill.facts_of(aside / backup.FACTS_FILE))
            before.unlink(missing_ok=True)
        for side in load.SIDES if facts.kind == SQLITE else ():
            if Path(f"{aside}/one-api.db{side}").exists():
                _move(f"{aside}/one-api.db{side}", f"{paths.DATABASE}{side}")
        raise _UndoneError(str(error)) from None


def _database_aside(aside: Path) -> None:
    """SQLite's file as it is; of a server a dump of now, once."""
    if load.url():
        if not (aside / backup.DATABASE_FILE).exists() and load.is_there():
            with upgrade.dumped() as made:
                user_files.read(made / backup.FACTS_FILE, aside / backup.FACTS_FILE)
                user_files.read(made / backup.DATABASE_FILE, aside / "database.new")
            (aside / "database.new").rename(aside / backup.DATABASE_FILE)
        return
    if Path(paths.DATABASE).exists() and not (aside / Path(paths.DATABASE).name).exists():
        moved = list[str]()
        try:
            for side in _sides():
                _move(f"{paths.DATABASE}{side}", f"{aside}/one-api.db{side}")
                moved.append(side)
        except (CommandError, OSError):
            for side in moved:  # without its log the database lacks what was written last
                _move(f"{aside}/one-api.db{side}", f"{paths.DATABASE}{side}")
            raise


def _move(source: str, target: str) -> None:
    """To another disk too: what stands at ``target`` is whole."""
    if _is_elsewhere(Path(source), Path(target).parent):
        must("cp", "-a", source, f"{target}.new")
        Path(f"{target}.new").rename(target)
        Path(source).unlink()
    else:
        Path(source).rename(target)


def _copy_aside(path: Path, aside: Path) -> None:
    """Once: what a killed run has put in the place is not what was here before."""
    if path.exists() and not (aside / path.name).exists():
        must("cp", "-a", "--no-dereference", str(path), f"{aside}/.{path.name}")
        Path(f"{aside}/.{path.name}").rename(aside / path.name)


def _bring_ledger() -> None:
    copy = _staged(paths.LEDGER_COPY)
    if not copy.exists() or run("id", CALLBACKS)[0]:
        return
    for side in load.SIDES:
        Path(f"{paths.LEDGER}{side}").unlink(missing_ok=True)
    _make_callbacks_folder()
    ledger = Path(paths.LEDGER)
    user_files.leave(copy, CALLBACKS, str(ledger.parent), ledger.name)


def _make_callbacks_folder() -> None:
    must("install", "-d", "-o", CALLBACKS, "-g", CALLBACKS, "-m", "750", paths.CALLBACKS)


def _bring_log() -> None:
    """The callback log, where this server has written none yet."""
    log = Path(paths.CALLBACK_LOG)
    if log.exists() and log.stat().st_size:
        return
    for path in sorted(_staged(str(log.parent)).glob(f"{log.name}*")):
        rights = ("-o", "www-data", "-g", "adm", "-m", "640")  # nginx' workers write it
        must("install", *rights, str(path), str(log.parent / path.name))


def _bring_if_absent(path: str, owner: str) -> None:
    source, target = _staged(path), Path(path)
    if not source.exists() or (target.exists() and any(target.iterdir())):
        return
    if owner:
        if run("id", owner)[0] == 0:  # else the site has no callback service
            _make_callbacks_folder()
            user_files.leave_all(source, owner, path)
        return
    new = target.with_name(f"{target.name}.restored")
    shutil.rmtree(new, ignore_errors=True)
    must("cp", "-a", str(source), str(new))
    must("chown", "-R", "--no-dereference", "root:root", str(new))
    if target.exists():
        target.rmdir()
    new.rename(target)


def _start() -> None:
    """Let all run again, root claimed; on a blank server One API's own deploy starts it."""
    Path(paths.RESTORE_HALTED).unlink(missing_ok=True)
    if Path(paths.CURRENT).exists() and Path(units.path(units.ONE_API)).exists():
        _tell(_("Starting One API"))
        one_api.activate(Path(paths.CURRENT).readlink().name)
        if Path(f"{paths.NGINX}/conf.d/one-api.conf").exists():
            run("systemctl", "start", units.NGINX)  # a killed run has left it stopped
    for unit in (units.CALLBACKS_TIMER, *units.BACKUP_STARTERS, *units.STREAM_STARTERS):
        if Path(units.path(unit)).exists():
            run("systemctl", "start", unit)
