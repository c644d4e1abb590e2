"""Back to the release before, which is kept with a copy of the database from before the upgrade.

Where the schema is as it was, the old release takes the database as it is now, and nothing is
lost. Else it cannot read it: the copy comes back, and what was paid since is asked of the gateways.
"""

import shutil
import time
from pathlib import Path

from one_api_infra.server import drill, dump, load, one_api, schema, upgrade, user_files
from one_api_infra.server.callbacks.rewind import Mark
from one_api_infra.server.local import CommandError, link, run, write
from one_api_infra.server.serving import under_way
from one_api_infra.shared import paths, plain, units
from one_api_infra.shared.backup import DATABASE_FILE, FACTS_FILE, Facts
from one_api_infra.shared.database import MYSQL
from one_api_infra.shared.texts import _
from one_api_infra.shared.upgrade import Phase, Upgrade

STOPPED = (
    *reversed(units.STREAM_STARTERS),
    *(units.CALLBACKS_TIMER, units.CALLBACKS, units.ONE_API),
)


LOADING = "loading"  # while it is there, what is kept as of now is the only copy


def plan() -> None:
    """Print what a rollback would do, and what it would lose; CommandError if there is none."""
    _previous()
    if not is_changed():
        print(_("The schema is as it was: nothing is lost, and no request fails."))
        return
    facts, now = _facts(), _now()
    moment = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(facts.at))
    print(_("The release has changed the database, which goes back to {time}:", time=moment))
    for name, count in sorted(facts.rows.items()):
        print(f"    {name}: {now.get(name, 0)} -> {count}")
    print(_("Payments since then are asked of their gateways, and credited or told as cases."))


def is_changed() -> bool:
    """Whether the schema is another than before the upgrade."""
    noted = _kept() / upgrade.SCHEMA_FILE
    return not noted.exists() or noted.read_text().strip() != schema.told()


def _kept() -> Path:
    """The copy from before just that release came which serves now: no other fits."""
    return upgrade.kept(_previous(), Path(paths.CURRENT).readlink().name)


def roll_back(release: str = "") -> None:
    """Let the release before serve again; ``release`` is the one that is to go, if it is named."""
    if release and Path(paths.CURRENT).readlink().name != release:
        raise CommandError(_("another release than {release} serves by now", release=release))
    if (current := under_way()) and _is_at_once(current):
        upgrade.turn_back(current)
        return
    before = _previous()
    upgrade.end_now()
    if not is_changed():
        upgrade.activate_before(before)
        return
    _bring(before, _facts())


def _is_at_once(current: Upgrade) -> bool:
    """Whether the release before still runs, and can read the database as it is now."""
    is_there = current.phase == Phase.DRAINING and current.release != current.before
    return is_there and not is_changed()


def _bring(release: str, facts: Facts) -> None:
    """Stop, put what is here aside, and start the old one with the copy.

    CommandError: all runs as before, unless it says otherwise.
    """
    folder = _kept()
    dump.need_room(folder, Path(paths.DATABASE), folder / DATABASE_FILE)
    if words := drill.differences(facts, folder / DATABASE_FILE):
        raise CommandError(_("the kept copy of the database is not whole: {words}", words=words))
    running = [unit for unit in STOPPED if run("systemctl", "is-active", "--quiet", unit)[0] == 0]
    for unit in STOPPED:
        run("systemctl", "stop", unit)
    try:
        _put_aside(folder)
        _load(folder, facts)
        current, before = Path(paths.CURRENT).readlink(), f"{paths.ONE_API}/releases/{release}"
        _link(before, current)
        if problem := one_api.restart():
            run("systemctl", "stop", units.ONE_API)  # it may run, or be about to
            _link(current, before)
            _load_after(folder)
            raise CommandError(problem)
        (folder / LOADING).unlink()
    finally:
        run("systemctl", "start", *reversed(running))
    print(_("What was here before is in {path}.", path=upgrade.keep_after(folder)))


def _link(current: str | Path, before: str | Path) -> None:
    link(paths.CURRENT, current)
    link(paths.PREVIOUS, before)


def _put_aside(folder: Path) -> None:
    """What is here now; of a run that was cut off while it loaded, the only copy is there."""
    after = folder / upgrade.AFTER
    if not (after.exists() and (folder / LOADING).exists()):
        with upgrade.dumped() as made:
            user_files.read(made / DATABASE_FILE, folder / "after.new")
            user_files.read(made / FACTS_FILE, folder / f"{FACTS_FILE}.after")
        (folder / "after.new").rename(after)


def _load(folder: Path, facts: Facts) -> None:
    """The copy; where it cannot be, MySQL, which takes back nothing, gets what was here."""
    copy = folder / f"{DATABASE_FILE}.copy"
    try:
        shutil.copyfile(folder / DATABASE_FILE, copy)
        (folder / LOADING).touch()
        mark = plain.write(Mark(facts.at, time.time()))
        write(paths.LEDGER_REWIND, mark, 0o644)  # the callback service's next run sees it
        load.load(copy, facts)
    except (CommandError, OSError):
        if facts.kind == MYSQL:
            _load_after(folder)
        _forget_after(folder)
        raise
    finally:
        copy.unlink(missing_ok=True)


def _load_after(folder: Path) -> None:
    """What was here, back in its place: the next rollback finds something newer."""
    copy = folder / f"{DATABASE_FILE}.copy"
    shutil.copyfile(folder / upgrade.AFTER, copy)
    load.load(copy, drill.facts_of(folder / f"{FACTS_FILE}.after"))
    copy.unlink(missing_ok=True)
    _forget_after(folder)


def _forget_after(folder: Path) -> None:
    Path(paths.LEDGER_REWIND).unlink(missing_ok=True)
    for name in (LOADING, upgrade.AFTER, f"{FACTS_FILE}.after"):
        (folder / name).unlink(missing_ok=True)


def _previous() -> str:
    """The release before; CommandError if there is none."""
    link_, current = Path(paths.PREVIOUS), Path(paths.CURRENT)
    if not link_.is_symlink() or not (link_ / "one-api").exists():
        raise CommandError(_("no release of before is kept here"))
    if link_.readlink() == current.readlink():
        raise CommandError(_("the release of before is the one that serves"))
    return link_.readlink().name


def _facts() -> Facts:
    try:
        return drill.facts_of(_kept() / FACTS_FILE)
    except OSError:
        raise CommandError(
            _("no copy of the database from before the upgrade is kept: `one-api-infra restore`")
        ) from None


def _now() -> dict[str, int]:
    with upgrade.dumped() as folder:
        return dict(drill.facts_of(folder / FACTS_FILE).rows)
