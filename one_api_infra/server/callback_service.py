"""The callback service's commands on the server: a run, one order, the report."""

import contextlib
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from one_api_infra.server import credit_lock, database, notify, report, serving
from one_api_infra.server.callbacks import journal, outages, silent, summary, tests, worker
from one_api_infra.server.callbacks.gateways import addresses
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.loopback import Loopback
from one_api_infra.server.callbacks.order_sources import ORDER_SOURCES
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource
from one_api_infra.server.local import CommandError, edition, site, write
from one_api_infra.shared import paths, plain
from one_api_infra.shared.callback import REPLAY_PORT
from one_api_infra.shared.clock import quiet_hour
from one_api_infra.shared.editions.api import Api, ApiError
from one_api_infra.shared.editions.edition import Edition
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.server_observation import CallbacksState
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.texts import _

USER = "one-api-callbacks"
DAMAGED = f"{paths.LEDGER}.damaged"
LOCK = f"{paths.CALLBACKS}/lock"
TIMEOUT = 10.0
FORTNIGHT = 14 * 86_400
BY_HOUR = "SELECT strftime('%H', at, 'unixepoch', 'localtime'), count(*) FROM callbacks"
BY_HOUR += " WHERE at > ? GROUP BY 1"


def run() -> None:
    """One run of the callback service; a second one at the same time does nothing."""
    current = site()
    os.environ["ONE_API_INFRA_LANGUAGE"] = current.language
    with worker.alone(Path(LOCK)) as mine:
        if not mine:
            return
        with _put_aside_if_damaged():
            _run(current)


@contextlib.contextmanager
def _put_aside_if_damaged() -> Iterator[None]:
    """A damaged ledger is kept beside; the next run makes it anew from the log and the orders."""
    try:
        yield
    except sqlite3.OperationalError:
        raise  # a full disk, a lock: it is whole
    except sqlite3.DatabaseError as error:
        Path(paths.LEDGER).rename(DAMAGED)
        for end in ("-wal", "-shm"):
            Path(f"{paths.LEDGER}{end}").unlink(missing_ok=True)
        words = _(
            "The ledger was damaged ({error}): it is now {path}, and is made anew from the callback"
            " log and One API's orders.",
            error=error,
            path=DAMAGED,
        )
        raise CommandError(words) from None


def _run(current: SiteFile) -> None:
    """One run on the ledger."""
    with contextlib.closing(Ledger(paths.LEDGER)) as ledger:
        ledger.check(time.time())
        root, loopback = api(current), Loopback(payments(current))
        made = worker.Worker(
            ledger,
            source(current, root),
            loopback,
            Path(paths.CALLBACK_LOG),
            current.reconcile == "act",
            current.log_days,
            Path(paths.JOURNAL_RESTORED),
            partial(_turn, current, root, loopback),
            Path(paths.LEDGER_REWIND),
        )
        try:
            made.run(time.time())
            ledger.note(outages.RAN, time.time())  # a long run is no outage
        except ApiError as error:
            print(_("One API's orders could not be read: {error}", error=error), file=sys.stderr)
        now = time.time()
        day = _summary(ledger, current, now)
        urls = _credential("alert-urls", paths.ALERT_URLS)
        channels = notify.channels(urls)
        deliver = partial(notify.send, path=urls)
        worker.tell(
            ledger, current.domain, channels, deliver, day, now=now, inventory=current.inventory
        )
        _leave_state(ledger)
        if current.backup:
            journal.append(ledger, Path(paths.JOURNAL), now)
            _copy(ledger, now - current.backup_minutes * 60)


def _summary(ledger: Ledger, current: SiteFile, now: float) -> Mapping[str, str]:
    """The day's, once its page is written; cases are told whether that can be or not."""
    try:
        is_next_day = report.keep(ledger, current, now)
    except OSError as error:
        print(_("The day's page is not written: {error}", error=error), file=sys.stderr)
        return {}
    return summary.message(ledger, current.domain, now) if is_next_day else {}


@contextlib.contextmanager
def _turn(site: SiteFile, root: Api, loopback: Loopback) -> Iterator[None]:
    """Credit by the instance that takes payments now: no upgrade hands them over meanwhile."""
    with credit_lock.held():
        root.base, loopback.base = base(site), payments(site)
        yield


def _copy(ledger: Ledger, before: float) -> None:
    """Leave a consistent copy for the backup, unless there is one that was made since ``before``.

    The live file is never backed up: it changes while it is read.
    """
    copy = Path(paths.LEDGER_COPY)
    if copy.exists() and before < copy.stat().st_mtime <= time.time():
        return
    new = copy.with_suffix(".new")
    new.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(new)) as target:
        ledger.db.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
    new.chmod(0o600)
    new.rename(copy)


def trust(site: SiteFile) -> Mapping[str, str]:
    """The variables by which libraries find ``trusted_ca_file``, as the service's unit has them."""
    if not site.trusted_ca_file:
        return {}
    return {"REQUESTS_CA_BUNDLE": paths.TRUSTED_CA, "SSL_CERT_FILE": paths.TRUSTED_CA}


def base(site: SiteFile) -> str:
    """One API on loopback."""
    return f"http://127.0.0.1:{serving.port(site)}"


def payments(site: SiteFile) -> str:
    """Where callbacks are sent again: past nginx, but where they have to wait their turn."""
    waits = edition(site).order_parameter
    return f"http://127.0.0.1:{REPLAY_PORT}" if waits else base(site)


def source(site: SiteFile, known: Api | None = None) -> OrderSource:
    """The order source of the site's edition; CommandError if it has none."""
    chosen = edition(site)
    if not chosen.order_source:
        raise CommandError(
            _("The callback service cannot read the orders of {edition}.", edition=chosen.title)
        )
    addresses.allow(site.gateway_networks)
    return ORDER_SOURCES[chosen.order_source](known or api(site), _keys(chosen))


def api(site: SiteFile) -> Api:
    """One API as root, with patience."""
    token = _credential("access-token", paths.ACCESS_TOKEN)
    made = Api(edition(site), base(site), token.read_text().strip())
    made.timeout = TIMEOUT
    return made


def _keys(chosen: Edition) -> Mapping[str, str] | None:
    """The gateways' keys where One API has them in options; None where they cannot be read."""
    if not chosen.key_options:
        return {}
    path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / "database"
    with contextlib.suppress(OSError, ValueError, PlainError):
        found = database.left(path)
        if not found.database.error:
            return {name: key.strip() for name, key in found.keys.items()}
    return None


def _credential(name: str, path: str) -> Path:
    """Where a secret stands: systemd hands it to the unit, root reads it where it is kept."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) / name if folder else Path(path)


def _quiet_hour(ledger: Ledger) -> int | None:
    return quiet_hour(dict(ledger.db.execute(BY_HOUR, [time.time() - FORTNIGHT]).fetchall()))


def _leave_state(ledger: Ledger) -> None:
    """What the monitor wants to know: it cannot open the ledger without a right to write."""
    count = "SELECT count(*) FROM cases WHERE closed IS NULL AND class != 'invalid_signature'"
    cases = ledger.db.execute(count).fetchone()[0]
    state = CallbacksState(
        ran=float(ledger.note(outages.RAN) or 0),
        cases=cases,
        is_blind=ledger.note(worker.BLIND) == "1",
        strangers=float(ledger.note(worker.STRANGERS) or 0),
        is_rebuilt=Path(DAMAGED).exists(),
        is_behind=ledger.note(worker.BEHIND) == "1",
        tested=tests.read(ledger),
        silent=silent.read(ledger),
        undelivered=tuple(json.loads(ledger.note(worker.UNDELIVERED) or "[]")),
        quiet_hour=_quiet_hour(ledger) if Path(paths.REBOOT_REQUIRED).exists() else None,
    )
    write(paths.CALLBACKS_STATE, plain.write(state), 0o640)
