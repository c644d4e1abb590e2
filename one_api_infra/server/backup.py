"""A run of the backup: the database's copy and all else that a site is made of, to each repository.

A repository that cannot be reached holds up no other. What came of each is left for the checks.
"""

import contextlib
import datetime
import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from one_api_infra.checks import remedy
from one_api_infra.server import restic as restic_of
from one_api_infra.server import stream
from one_api_infra.server.local import CommandError, site, write
from one_api_infra.server.local import run as run_program
from one_api_infra.server.restic import Restic
from one_api_infra.shared import backup, paths, plain, restic, units
from one_api_infra.shared.backup import (
    Backup,
    BackupState,
    DrillState,
    Facts,
    JournalState,
    RepositoryState,
)
from one_api_infra.shared.clock import zone
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.texts import _

PRUNE_HOURS = range(3, 5)  # restic's prune is heavy: at night
PRUNE_SECONDS = 36 * 3600
WORDS = 800  # characters
JOURNAL_SECONDS = 1.0  # until the journal has shown the last line


def run() -> None:
    """One run; CommandError at its end if a repository has nothing of it."""
    current, settings = site(), restic_of.settings()
    known = {each.name: each for each in state().repositories}
    began, obstacle = time.time(), _obstacle()
    made = []
    for each in restic_of.each(settings):
        before = known.get(each.repository.name) or RepositoryState(each.repository.name, 0, 0)
        made.append(_attempt(each, current, before, began, obstacle))
        write(paths.BACKUP_STATE, plain.write(BackupState((*made, *_others(known, made)))), 0o644)
    write(paths.BACKUP_STATE, plain.write(BackupState(tuple(made))), 0o644)
    for state_of in made:
        print(_told(state_of), flush=True)
    if any(each.reason for each in made):
        raise CommandError(_("Not every repository has this backup; the lines above say why."))


def now() -> None:
    """Start a run and show what it says; CommandError if it fails."""
    names = (units.DUMP, units.BACKUP)
    journal = [
        "journalctl",
        "--follow",
        "--output=cat",
        "--no-tail",
        f"--since=@{int(time.time())}",
    ]
    with subprocess.Popen([*journal, *(f"--unit={name}" for name in names)]) as following:
        code, words = run_program("systemctl", "start", units.BACKUP)
        time.sleep(JOURNAL_SECONDS)
        following.terminate()
    if code:
        raise CommandError(words)


def _others(
    known: Mapping[str, RepositoryState], made: list[RepositoryState]
) -> list[RepositoryState]:
    done = {each.name for each in made}
    return [each for name, each in known.items() if name not in done]


def _told(made: RepositoryState) -> str:
    if made.reason:
        return f"{made.name}: {made.reason}: {made.words}"
    return _(
        "{name}: snapshot {snapshot}, {megabytes} MB sent in {seconds} s",
        name=made.name, snapshot=made.snapshot, megabytes=round(made.sent / 1e6, 1),
        seconds=round(made.seconds, 1),
    )  # fmt: skip


def _obstacle() -> str:
    """Why there is nothing to be saved, or the database's copy is not to be trusted.

    A server that is still being rebuilt has no secrets: what it saved would be the newest.
    """
    if not Path(paths.ACCESS_TOKEN).exists() or Path(paths.RESTORE_MARK).exists():
        text = _("the site is not brought back yet: `pyinfra inventory.py deploys/rebuild.py`")
        return remedy.named(text, site().inventory)
    result = run_program("systemctl", "show", "--property=Result", "--value", units.DUMP)[1]
    if result == "success" and held_facts():
        return ""
    journal = f"journalctl -u {units.DUMP.removesuffix('.service')}"
    return f"one-api-infra: dump: {journal}"


def held_facts() -> Facts | None:
    """What the database's copy held when it was made."""
    try:
        return plain.read(Facts, Path(paths.DUMP, backup.FACTS_FILE).read_text())
    except (OSError, PlainError):
        return None


def _attempt(
    restic_: Restic, site: SiteFile, before: RepositoryState, began: float, obstacle: str
) -> RepositoryState:
    """What came of one repository."""
    tried = replace(before, tried=began)
    try:
        if obstacle:
            raise CommandError(obstacle)
        print(_("{name}: sending what has changed", name=restic_.repository.name), flush=True)
        ensure(restic_, is_known=bool(before.saved))
        must_be_ours(restic_, is_known=bool(before.saved))
        summary = _save(restic_, site)
        _forget(restic_)
    except CommandError as error:
        words = str(error)
        return replace(tried, reason=restic.reason(words), words=restic.detail(words)[-WORDS:])
    return RepositoryState(
        before.name, began, began, str(summary["snapshot_id"])[:8],
        round(time.time() - began, 1), int(summary["data_added"]),
    )  # fmt: skip


def ensure(restic_: Restic, *, is_known: bool = False) -> None:
    """Make the repository where there is none yet; one that was there is missed, not made anew."""
    try:
        restic_.run("cat", "config")
    except CommandError as error:
        if restic.reason(str(error)) != "absent":
            raise
        if is_known:
            raise CommandError(f"{restic.GONE}: {restic.detail(str(error))}") from None
        restic_.run("init")


def must_be_ours(restic_: Restic, *, is_known: bool) -> None:
    """CommandError where the backup is of this site as another server made it.

    A new one, made in the place of one that is lost, would bury it: ``rebuild`` takes the newest.
    The same secrets are the same site's: it was rebuilt, moved, or removed and came back.
    """
    if is_known:
        return
    host = f"--host={site().domain}"
    found = restic_.json("snapshots", host, f"--tag={backup.TAG}") or []
    if not found:
        return
    newest = max(found, key=lambda each: str(each["time"]))["short_id"]
    path = Path(paths.GENERATED if Path(paths.GENERATED).exists() else paths.ROOT_PASSWORD)
    with contextlib.suppress(CommandError):  # a file that it does not hold
        if restic_.run("dump", newest, str(path)) == path.read_text():
            return
    text = _(
        "{name} holds the backup of another {host}: nothing is saved over it. To bring that one"
        " back: `one-api-infra remove --delete-data`, then `one-api-infra rebuild`; to keep this"
        " one, let `backup` name another repository",
        name=restic_.repository.name, host=site().domain,
    )  # fmt: skip
    raise CommandError(remedy.named(text, site().inventory))


def _save(restic_: Restic, site: SiteFile) -> dict[str, Any]:
    """One snapshot; restic's own summary of it."""
    there = [held.path for held in backup.HELD if Path(held.path).exists()]
    without = [f"--exclude={path}*" for path in backup.NOT_HELD]
    lines = restic_.run(
        "backup", "--json", f"--host={site.domain}", f"--tag={backup.TAG}", "--one-file-system",
        *without,
        *there,
    ).splitlines()  # fmt: skip
    told = [json.loads(line) for line in lines if line.startswith("{")]
    return next(each for each in told if each.get("message_type") == "summary")


def _forget(restic_: Restic) -> None:
    """Let go of what the setting does not keep; from an append-only repository nobody here can."""
    if not restic_.settings.prunes:
        return
    keep = backup.keep_options(restic_.settings.keep)
    prune = ["--prune"] if _is_prune_due(restic_.repository.name) else []
    host = f"--host={site().domain}"  # another site's may be in it, with settings of its own
    restic_.run("forget", host, f"--tag={backup.TAG}", "--group-by=host", *keep)
    # Each holds all of the journal; an older one is there for the moment between two.
    restic_.run(
        "forget",
        host,
        f"--tag={backup.JOURNAL_TAG}",
        "--group-by=host",
        f"--keep-last={backup.JOURNALS_KEPT}",
        *prune,
    )
    if prune:
        _note_pruned(restic_.repository.name)


def _is_prune_due(name: str) -> bool:
    """At night; for who backs up once a day, and never then, whenever it has been a while."""
    pruned = _pruned()
    if name not in pruned:
        _note_pruned(name)
    is_late = time.time() - pruned.get(name, time.time()) > PRUNE_SECONDS
    return is_late or _hour() in PRUNE_HOURS


def _hour() -> int:
    """Of the site's own clock: the server's is UTC in most clouds."""
    return datetime.datetime.now(zone(site().time_zone)).hour


def _pruned() -> dict[str, float]:
    """When each repository was pruned last."""
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads(Path(paths.BACKUP_PRUNED).read_text()))
    return {}


def _note_pruned(name: str) -> None:
    write(paths.BACKUP_PRUNED, json.dumps(_pruned() | {name: time.time()}))


def prune() -> None:
    """Let go of what the setting does not keep, and of locks that a killed run has left."""
    for each in restic_of.each(replace(restic_of.settings(), prunes=True)):
        each.run("unlock")
        _forget(each)
        each.run("prune")


def state() -> BackupState:
    """What the last run left."""
    try:
        return plain.read(BackupState, Path(paths.BACKUP_STATE).read_text())
    except (OSError, PlainError):
        return BackupState()


def observe(site: SiteFile) -> Backup | None:
    """How the backup is: for ``observe``; None where none is set up."""
    if not site.backup:
        return None
    is_active = run_program("systemctl", "is-active", units.BACKUP_TIMER)[0] == 0
    began, restoring = _written(paths.BACKUP), _written(paths.RESTORE_MARK)
    drilled = None
    with contextlib.suppress(OSError, PlainError):
        drilled = plain.read(DrillState, Path(paths.DRILL_STATE).read_text())
    made = [each for each in state().repositories if each.name in site.backup]
    sent = None
    with contextlib.suppress(OSError, PlainError):
        sent = plain.read(JournalState, Path(paths.JOURNAL_STATE).read_text())
    return Backup(
        is_active, site.backup_minutes, began, restoring, tuple(made), drilled, sent,
        max((_written(str(path)) for path in Path(paths.JOURNAL).glob("*.jsonl")), default=0.0),
        stream.observe(_written(paths.STREAM_CONFIG)) if site.backup_stream else None,
    )  # fmt: skip


def _written(path: str) -> float:
    with contextlib.suppress(OSError):
        return Path(path).stat().st_mtime
    return 0.0
