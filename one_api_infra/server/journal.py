"""Sending the journal of payments off the server as soon as it grows, and bringing it back."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from one_api_infra.server import backup as backup_of
from one_api_infra.server import drill, user_files
from one_api_infra.server import restic as restic_of
from one_api_infra.server.local import CommandError, must, run, site, write
from one_api_infra.server.restic import Restic
from one_api_infra.shared import backup, paths, plain, restic
from one_api_infra.shared.backup import JournalState
from one_api_infra.shared.texts import _

USER = "one-api-callbacks"
SECONDS = 60.0  # for each of restic's runs, and for a lock; the unit has five minutes
ROUNDS = 2  # what comes meanwhile wakes nobody


def send() -> None:
    """Send it to every repository; CommandError, and another try by systemd, if one lacks it.

    The backup makes repositories, so that no two programs do so at once.
    """
    repositories = [replace(each, seconds=SECONDS) for each in restic_of.each(restic_of.settings())]
    with ThreadPoolExecutor(len(repositories)) as pool:  # one that hangs holds up no other
        for _round in range(ROUNDS):
            began = time.time()
            failed = [words for words in pool.map(_send, repositories) if words]
            state = JournalState(0.0 if failed else began, "; ".join(failed)[-backup_of.WORDS :])
            write(paths.JOURNAL_STATE, plain.write(state), 0o644)
            if failed or _written() < began or time.time() - began > SECONDS / 2:
                break
    if failed:
        raise CommandError(
            _("The journal of payments is not everywhere: {words}", words=state.words)
        )


def _send(restic_: Restic) -> str:
    """Send it to one repository; why it was not, if so."""
    try:
        host = f"--host={site().domain}"
        name = restic_.repository.name
        is_known = any(each.saved for each in backup_of.state().repositories if each.name == name)
        backup_of.must_be_ours(restic_, is_known=is_known)
        restic_.run("backup", "--force", host, f"--tag={backup.JOURNAL_TAG}", paths.JOURNAL)
    except CommandError as error:
        return f"{restic_.repository.name}: {restic.detail(str(error))}"
    return ""


def _written() -> float:
    """When it grew last: what comes while it is sent wakes nobody."""
    return max((path.stat().st_mtime for path in Path(paths.JOURNAL).glob("*.jsonl")), default=0.0)


def bring(stage: Path) -> None:
    """Let the callback service find the newest journal: this server's own, or a repository's."""
    if run("id", USER)[0]:
        return
    must("install", "-d", "-o", USER, "-g", USER, "-m", "750", paths.CALLBACKS)
    target = paths.JOURNAL_RESTORED
    user_files.remove(USER, target)
    if Path(paths.JOURNAL).is_dir():
        must("runuser", "-u", USER, "--", "cp", "-rT", paths.JOURNAL, target)
        return
    for path in sorted(_newest(stage).glob("*.jsonl")):
        user_files.leave(path, USER, target, path.name)


def _newest(stage: Path) -> Path:
    """The newest of all repositories, brought into ``stage``; one that fails is passed over."""
    found = [(taken, each, name) for each in restic_of.each(restic_of.settings())
             for taken, name in _snapshots(each)]  # fmt: skip
    for _taken, each, name in sorted(found, key=lambda one: one[0], reverse=True):
        try:
            each.run("restore", name, f"--target={stage}")
        except CommandError:
            continue
        return Path(f"{stage}{paths.JOURNAL}")
    return Path(f"{stage}{paths.JOURNAL}")


def _snapshots(restic_: Restic) -> list[tuple[float, str]]:
    try:
        found = restic_.json("snapshots", f"--host={site().domain}", f"--tag={backup.JOURNAL_TAG}")
    except CommandError as error:
        name = restic_.repository.name
        print(_("{name}: its journal of payments cannot be read: {words}", name=name,
                words=restic.detail(str(error))), flush=True)  # fmt: skip
        return []
    return [(drill.seconds(each["time"]), str(each["short_id"])) for each in found or ()]
