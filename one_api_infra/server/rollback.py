"""Back to the release before, which is kept with a copy of the database from before the upgrade.

Where the schema is as it was, the old release takes the database as it is now, and nothing is
lost. Else it cannot read it: the copy comes back, and what was paid since is asked of the gateways.
"""

import shutil
import time
from pathlib import Path

from one_api_infra.server import drill, load, one_api, schema, upgrade
from one_api_infra.server.local import CommandError, link, run
from one_api_infra.server.serving import under_way
from one_api_infra.shared import paths, units
from one_api_infra.shared.backup import DATABASE_FILE, FACTS_FILE, Facts
from one_api_infra.shared.texts import _
from one_api_infra.shared.upgrade import Phase, Upgrade

KEPT = Path(paths.BEFORE_UPGRADE)


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
    kept = KEPT / upgrade.SCHEMA_FILE
    return not kept.exists() or kept.read_text() != schema.text()


def roll_back() -> None:
    """Let the release before serve again."""
    if (current := under_way()) and _is_at_once(current):
        upgrade.turn_back(current)
        return
    release = _previous()
    upgrade.end_now()
    if not is_changed():
        upgrade.activate_before(release)
        return
    _bring(release, _facts())


def _is_at_once(current: Upgrade) -> bool:
    """Whether the release before still runs, and can read the database as it is now."""
    is_there = current.phase == Phase.DRAINING and current.release != current.before
    return is_there and not is_changed()


def _bring(release: str, facts: Facts) -> None:
    """Stop, put what is here aside, and start the old one with the copy."""
    copy = KEPT / f"{DATABASE_FILE}.copy"
    shutil.copyfile(KEPT / DATABASE_FILE, copy)
    with upgrade.dumped() as folder:
        shutil.copyfile(folder / DATABASE_FILE, KEPT / f"{DATABASE_FILE}.after")
    for unit in (units.CALLBACKS_TIMER, units.CALLBACKS, units.ONE_API):
        run("systemctl", "stop", unit)
    load.load(copy, facts)
    current = Path(paths.CURRENT).readlink()
    link(paths.CURRENT, f"{paths.ONE_API}/releases/{release}")
    link(paths.PREVIOUS, current)
    if problem := one_api.restart():
        raise CommandError(problem)
    run("systemctl", "start", units.CALLBACKS_TIMER)
    print(_("What was here before is in {path}.", path=KEPT / f"{DATABASE_FILE}.after"))


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
        return drill.facts_of(KEPT / FACTS_FILE)
    except OSError:
        raise CommandError(
            _("no copy of the database from before the upgrade is kept: `one-api-infra restore`")
        ) from None


def _now() -> dict[str, int]:
    with upgrade.dumped() as folder:
        return dict(drill.facts_of(folder / FACTS_FILE).rows)
