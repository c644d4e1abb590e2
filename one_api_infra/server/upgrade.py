"""Carrying an upgrade out: ``shared/upgrade`` says how. It runs in a unit of its own.

Each step can be carried out again: whatever one was killed at, the unit's next start goes on there.
Until the second instance has proved that it serves, all is as before; from then on it goes ahead.
"""

import contextlib
import datetime
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from one_api_infra.server import (
    credit_lock,
    load,
    nginx,
    one_api,
    overlap,
    payment_ports,
    release_proof,
    schema,
    user_files,
    waiting_room,
)
from one_api_infra.server.local import (
    CommandError,
    link,
    locked,
    must,
    run,
    site,
    unlocked,
    write,
)
from one_api_infra.server.serving import under_way
from one_api_infra.shared import paths, plain, units, upgrade
from one_api_infra.shared.backup import DATABASE_FILE, FACTS_FILE
from one_api_infra.shared.texts import LANGUAGE_VARIABLES, _, language
from one_api_infra.shared.upgrade import Phase, Upgrade

BOOT_ID = "/proc/sys/kernel/random/boot_id"
HANDED_SECONDS = 300.0  # for a proof and a reload
PAYMENT_SECONDS = 35.0  # nginx waits 30 s for the answer to a callback
SETTLE_SECONDS = 3.0  # One API books a stream's price after its end
SCHEMA_FILE = "schema.txt"
AFTER = f"{DATABASE_FILE}.after"  # what a rollback found here


def activate(release: str) -> None:
    """Let One API run from a release, beside the one that serves until it has proved itself.

    Where two cannot run, the one is stopped and the other started.
    """
    must_have_ended()
    is_beside, current = _can_overlap(), Path(paths.CURRENT)
    if current.is_symlink() and release != current.readlink().name:
        _keep_database(current.readlink().name, release, is_needed=is_beside)
    if is_beside:
        begin(release)
        _carry_on(_is_awaited)
    else:
        one_api.activate(release)


def activate_before(release: str) -> None:
    """The same with the release of before, which can read the database as it is.

    It returns as soon as that one serves.
    """
    if _can_overlap():
        begin(release)
        _carry_on(_is_handed)
    else:
        one_api.activate(release)


def _can_overlap() -> bool:
    """Whether a second instance can run; if not, why is said."""
    if why := overlap.obstacle():
        print(_("Streams are cut: {why}", why=why), flush=True)
    return not why


def must_have_ended() -> None:
    """CommandError while two instances are there: who stops One API would stop one of them."""
    if current := under_way():
        raise CommandError(_told(current))


def _told(current: Upgrade) -> str:
    since = current.drains_since or time.time()  # it may not have come so far
    until = since + site().drain_minutes * 60
    return _(
        "another change of One API is on its way, and waits for {streams} open requests until"
        " {time:%H:%M:%S %z} at the latest.\n"
        "Remedy: run again then, or cut them off, on the server: `touch {path}`",
        streams=current.streams,
        time=datetime.datetime.fromtimestamp(until).astimezone(),
        path=paths.DRAIN_NOW,
    )


def begin(release: str) -> None:
    """Note that a release is to get what is new."""
    before = Path(paths.CURRENT).readlink().name
    for of_before in (paths.UPGRADE_FAILED, paths.DRAIN_NOW):
        Path(of_before).unlink(missing_ok=True)
    files, asks = one_api.files_sum(), language()
    made = Upgrade(release, before, Phase.STARTING, time.time(), _boot(), files, language=asks)
    write(paths.UPGRADE, plain.write(made), 0o644)


def turn_back(current: Upgrade) -> None:
    """Let nginx go back to the old release, which has not ended yet."""
    must("systemctl", "stop", units.UPGRADE)
    Path(paths.DRAIN_NOW).unlink(missing_ok=True)
    back = replace(current, release=current.before, before=current.release, language=language())
    _link(back)
    _save(back, Phase.RETURNING)
    _carry_on(lambda each: each.phase == Phase.ENDING)


def end_now() -> None:
    """Let an upgrade that is on its way come to its end, whatever is open is cut off."""
    if not under_way():
        return
    print(_("Streams are cut: {why}", why=_("an upgrade is on its way")), flush=True)
    Path(paths.DRAIN_NOW).touch()
    must("systemctl", "restart", "--no-block", units.UPGRADE)
    until = time.monotonic() + HANDED_SECONDS
    with unlocked():
        while under_way() and time.monotonic() < until:
            time.sleep(0.1)
    must_have_ended()


def _carry_on(is_enough: Callable[[Upgrade], bool]) -> None:
    """Start the unit, and wait until it has come so far; CommandError if it gives up."""
    if run("systemctl", "is-enabled", units.UPGRADE)[0]:
        must("systemctl", "enable", "--quiet", units.UPGRADE)
    _load_units()
    must("systemctl", "restart", "--no-block", units.UPGRADE)
    with unlocked():
        _wait(is_enough)
    if Path(paths.UPGRADE_FAILED).exists():
        raise CommandError(Path(paths.UPGRADE_FAILED).read_text())


def _load_units() -> None:
    """What a deploy has written; it takes a second, in which payments must not wait."""
    of = (units.ONE_API, units.SECOND, units.UPGRADE)
    if "yes" in must("systemctl", "show", "-P", "NeedDaemonReload", *of).split():
        must("systemctl", "daemon-reload")


def _is_handed(current: Upgrade) -> bool:
    return current.phase in upgrade.HANDED


def _is_awaited(current: Upgrade) -> bool:
    """Whether streams have to be waited for: where there are none, it comes to its end at once."""
    return _is_handed(current) and current.streams > 0


def _wait(is_enough: Callable[[Upgrade], bool]) -> None:
    until = time.monotonic() + HANDED_SECONDS
    while (current := under_way()) and not is_enough(current):
        if current.phase == Phase.STARTING:
            until = time.monotonic() + HANDED_SECONDS
        if time.monotonic() > until:
            raise CommandError(_("the upgrade hangs: `journalctl -u {unit}`", unit=units.UPGRADE))
        time.sleep(0.1)


def _boot() -> str:
    return Path(BOOT_ID).read_text().strip()


def kept(before: str, release: str) -> Path:
    """The folder of the database as it was before a release came in the place of another."""
    return Path(paths.BEFORE_UPGRADE, f"{before}-{release}")


def _keep_database(before: str, release: str, *, is_needed: bool) -> None:
    """A copy from before the new release changes the schema, which it does forward only.

    The one of the upgrade before stays until this one has come to its end: it may be given up.
    """
    folder = kept(before, release)
    forget_copies({kept(_previous(), before)})
    new = folder.with_name("new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700, parents=True)
    try:
        with dumped() as made:
            for name in (DATABASE_FILE, FACTS_FILE):
                user_files.read(made / name, new / name)
        write(new / SCHEMA_FILE, schema.told())
    except (CommandError, OSError) as error:
        shutil.rmtree(new)
        if is_needed and not load.url():
            raise CommandError(str(error)) from None
        print(_("No copy of the database is kept: {words}", words=error), flush=True)
        return
    new.rename(folder)


def _previous() -> str:
    link_ = Path(paths.PREVIOUS)
    return link_.readlink().name if link_.is_symlink() else ""


def forget_copies(wanted: Collection[Path]) -> None:
    """Remove all copies of before an upgrade but these."""
    folder = Path(paths.BEFORE_UPGRADE)
    for path in folder.iterdir() if folder.exists() else ():
        if path not in wanted:
            keep_after(path)
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def keep_after(folder: Path) -> Path:
    """Put by what a rollback found here: it is the only copy, whatever becomes of the release."""
    aside = Path(paths.ASIDE, time.strftime("%Y-%m-%dT%H-%M-%S"))
    for name in (AFTER, f"{FACTS_FILE}.after"):
        if (folder / name).exists():
            aside.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / name).rename(aside / name)
    return aside


@contextlib.contextmanager
def dumped() -> Iterator[Path]:
    """The folder of a copy of the database, which stays only for a backup to read it."""
    must("install", "-d", "-o", one_api.USER, "-g", one_api.USER, "-m", "700", paths.DUMP)
    try:
        one_api.as_its_user("dump")
        yield Path(paths.DUMP)
    finally:
        if not site().backup:
            shutil.rmtree(paths.DUMP)


def carry_out() -> None:
    """Go from where the upgrade is to its end."""
    while current := under_way():
        os.environ[LANGUAGE_VARIABLES[0]] = current.language
        if current.boot != _boot():
            current = _after_reboot(current)
        began, step = time.monotonic(), Phase(current.phase)
        STEPS[step](current)
        print(f"{step}: {time.monotonic() - began:.1f} s", flush=True)


def _after_reboot(current: Upgrade) -> Upgrade:
    """Nothing is left that could be drained; what had not been handed over is given up."""
    if current.phase in {Phase.STARTING, Phase.HANDING}:
        if not _is_linked(current):
            with locked():  # on disk payments may be led to what has gone with the boot before
                nginx.go_to(site().one_api_port)
            _give_up(_("the server was rebooted"))
        _link(current)
    return _save(replace(current, boot=_boot()), Phase.REPLACING)


def _is_linked(current: Upgrade) -> bool:
    """Whether it is the new release that this boot has started: it was cut off just then."""
    is_new = current.release != current.before
    return is_new and Path(paths.CURRENT).readlink().name == current.release


def _save(current: Upgrade, phase: Phase) -> Upgrade:
    made = current.at(phase, time.time())
    write(paths.UPGRADE, plain.write(made), 0o644)
    return made


def _give_up(words: str) -> None:
    """All is as before; whoever began it is told why."""
    run("systemctl", "stop", units.SECOND)
    write(paths.UPGRADE_FAILED, f"{words}\n")
    Path(paths.UPGRADE).unlink()
    raise CommandError(words)


def _start(current: Upgrade) -> None:
    link(paths.SECOND, f"{paths.ONE_API}/releases/{current.release}")
    run("systemctl", "reset-failed", units.SECOND)
    code, words = run("systemctl", "restart", units.SECOND)
    port = site().one_api_second_port
    problem = one_api.failure(words, units.SECOND) if code else None
    # The release of before serves, and a database's server may be at work.
    idle = one_api.MIGRATION_SECONDS if load.url() else one_api.START_SECONDS
    problem = problem or one_api.wait(units.SECOND, port, idle)
    if problem := problem or release_proof.refused(port, site().one_api_port):
        _give_up(f"{_not_let_serve(current)}\n{problem}")
    _save(current, Phase.HANDING)


def _not_let_serve(current: Upgrade) -> str:
    told = [_("The release {release} was not let serve; {before} serves on.",
              release=current.release, before=current.before)]  # fmt: skip
    folder = kept(current.before, current.release)
    with contextlib.suppress(OSError, CommandError):
        if (folder / SCHEMA_FILE).read_text().strip() != schema.told():
            told.append(_("It has changed the database's tables; the copy from before is in"
                          " {path}.", path=folder))  # fmt: skip
    return "\n".join(told)


def _hand_over(current: Upgrade) -> None:
    own, second = site().one_api_port, site().one_api_second_port
    with locked():
        try:
            _hand(second, own, fallback=own)
        except (CommandError, OSError) as error:
            nginx.go_to(own)
            _give_up(str(error))
        # From here on it is the release that a reboot starts.
        _link(current)
        Path(paths.RESTART_DUE).unlink(missing_ok=True)
        _save(current, Phase.DRAINING)


def _link(current: Upgrade) -> None:
    link(paths.CURRENT, f"{paths.ONE_API}/releases/{current.release}")
    if current.before != current.release:
        link(paths.PREVIOUS, f"{paths.ONE_API}/releases/{current.before}")


def _hand(port: int, before: int, *, fallback: int = 0) -> None:
    """Let nginx bring what is new to a port.

    Payments wait meanwhile, until those under way have ended: each instance has a lock of its own
    on orders, and one order in both could be credited twice.
    """
    with credit_lock.nobody(PAYMENT_SECONDS), waiting_room.opened() as room:
        payment_ports.reopen(port)
        try:
            nginx.go_to(port, payments=room.port, fallback=fallback)
            _wait_for_payments(before)
            payment_ports.close(before)
            nginx.go_to(port, fallback=fallback)
        except (CommandError, OSError):
            payment_ports.reopen(before)
            room.lead_to(before)
            raise
        room.lead_to(port)
        _wait_for_payments(room.port)


def _wait_for_payments(port: int) -> None:
    until = time.monotonic() + PAYMENT_SECONDS
    while _connections(port, upgrade.PAYMENTS_FROM) and time.monotonic() < until:
        time.sleep(0.05)


def _wait_for_callbacks() -> None:
    """A run of the callback service reads orders of the instance that served when it began."""
    until = time.monotonic() + PAYMENT_SECONDS
    while run("systemctl", "is-active", units.CALLBACKS)[1] == "activating":
        if time.monotonic() > until:
            return
        time.sleep(0.1)


def _connections(port: int, of: str = "") -> int:
    """How many connections an instance serves; ``of``: from that address alone."""
    which = f"( sport = :{port} )" + (f" and dst = {of}" if of else "")
    return len(must("ss", "-Htn", "state", "established", which).splitlines())


def _drain(current: Upgrade, port: int) -> None:
    """Wait until an instance has ended what it has begun, at most as long as the site allows."""
    since = current.drains_since or time.time()  # it may not have come so far
    until = since + site().drain_minutes * 60
    time.sleep(1)  # nginx closes the connections that it kept
    while count := _connections(port):
        if time.time() > until or Path(paths.DRAIN_NOW).exists():
            return
        if count != current.streams:
            current = replace(current, streams=count)
            write(paths.UPGRADE, plain.write(current), 0o644)
        time.sleep(1)
    if current.streams:
        time.sleep(SETTLE_SECONDS)
    _wait_for_callbacks()


def _drain_old(current: Upgrade) -> None:
    _drain(current, site().one_api_port)
    _save(current, Phase.REPLACING)


def _replace(current: Upgrade) -> None:
    with locked():
        if problem := one_api.restart():
            raise CommandError(problem)  # the second one serves; systemd tries again
        _save(current, Phase.RETURNING)


def _return(current: Upgrade) -> None:
    own, second = site().one_api_port, site().one_api_second_port
    with locked():
        _hand(own, second)
        _save(current, Phase.ENDING)


def _end(current: Upgrade) -> None:
    _drain(current, site().one_api_second_port)
    must("systemctl", "stop", units.SECOND)
    for path in (paths.UPGRADE, paths.DRAIN_NOW):
        Path(path).unlink(missing_ok=True)
    one_api.forget_old_releases()


STEPS: Mapping[Phase, Callable[[Upgrade], None]] = {
    Phase.STARTING: _start,
    Phase.HANDING: _hand_over,
    Phase.DRAINING: _drain_old,
    Phase.REPLACING: _replace,
    Phase.RETURNING: _return,
    Phase.ENDING: _end,
}
