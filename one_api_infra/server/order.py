"""``order NUMBER``: what is known of one order, read anew before it is shown."""

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from one_api_infra.checks import remedy
from one_api_infra.server import callback_service
from one_api_infra.server.callbacks import auditor, intake, log, timeline
from one_api_infra.server.callbacks.gateways.gateway import Reply
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.loopback import Answer
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource
from one_api_infra.server.callbacks.reconcile import Reconciler
from one_api_infra.server.callbacks.timeline import Event, Look
from one_api_infra.server.local import CommandError, run, site
from one_api_infra.shared import foreign, paths
from one_api_infra.shared.callback import Callback, parse
from one_api_infra.shared.clock import zone
from one_api_infra.shared.editions.api import ApiError
from one_api_infra.shared.texts import _

LINES = 20
DAYS = 7
# One API's own lines about what the customer's page and we ask; and what signatures look like.
ASKED = ("/order/status", "/api/payment/order", "/api/user/topup", "/api/log/")
SIGNED = re.compile(r"""((?:sign|key)["\\]*[=:]["\\]*)[^&\s"\\]+""")


def show(number: str) -> None:
    """Print the order's story; CommandError if nothing at all is known of it."""
    ledger = _ledger()
    if number and not timeline.is_known(ledger, number):
        number = _own_number(ledger, number)
    current = site()
    os.environ.update(callback_service.trust(current))
    here = zone(current.time_zone)
    more = list(_said(number))
    unread: list[Callback] = []
    tried, is_asked = None, True
    try:
        try:
            tried = _look(ledger, callback_service.source(current), number)
        except ApiError as error:
            print(foreign.printable(str(error)))
            print(
                _("What follows is what the callback log and the callback service's ledger hold.")
            )
            is_asked = False
            unread = list(_unread(ledger, number))
        if not (more or unread or timeline.is_known(ledger, number)):
            raise CommandError(_unknown(number))
        print(_("Times are those of {zone}.", zone=current.time_zone))
        look = Look(more, unread, tried, is_asked)
        print(
            remedy.named("\n".join(timeline.lines(ledger, number, here, look)), current.inventory)
        )
    finally:
        ledger.close()


def _own_number(ledger: Ledger, number: str) -> str:
    """One API's number of an order that is named by its gateway's, which customers see."""
    for table in ("orders", "callbacks", "replies"):
        query = f"SELECT number FROM {table} WHERE gateway_number = ? LIMIT 1"  # noqa: S608
        if found := ledger.db.execute(query, (number,)).fetchone():
            return str(found["number"])
    return number


def done(number: str) -> None:
    """Close the cases of an order that the admin has dealt with; they stay closed."""
    ledger = _ledger()
    number = _own_number(ledger, number)
    try:
        with contextlib.suppress(ApiError):  # people pay back while One API is down, too
            _look(ledger, callback_service.source(site()), number, ask=False)
        count = auditor.done(ledger, number, time.time())
    except LookupError:
        raise CommandError(_unknown(number)) from None
    finally:
        ledger.close()
    print(_("Cases of order {number} closed: {count}", number=number, count=count))
    print(_("Nothing is sent for it any more; if it is credited again, you are told."))


def send(number: str) -> None:
    """Let the callback service send what waits for the admin's word."""
    ledger = _ledger()
    number = _own_number(ledger, number)
    try:
        count = auditor.send(ledger, number, time.time())
    finally:
        ledger.close()
    if not count:
        raise CommandError(
            _(
                "Nothing waits to be sent for order {number}: it is unknown, or was closed by"
                " --done. See `one-api-infra order {number}`.",
                number=number,
            )
        )
    print(
        _(
            "The callback service sends the callback of order {number} within a minute.",
            number=number,
        )
    )


def _ledger() -> Ledger:
    if not Path(paths.LEDGER).is_file():
        raise CommandError(
            _(
                "There is no ledger here: the callback service is off. Remedy: deploy with"
                " `callbacks` on."
            )
        )
    return Ledger(paths.LEDGER)


def _unknown(number: str) -> str:
    return _(
        "Nothing is known of order {number}: neither One API nor the callback log has it."
        " Remedy: compare the number with One API's list of orders.",
        number=number,
    )


def _look(ledger: Ledger, source: OrderSource, number: str, *, ask: bool = True) -> Reply | None:
    """Read the log and the orders, ask the gateway, and judge; nothing is sent to One API.

    Returns the gateway's reply if it told nothing: it is shown, but not stored.
    """
    now = time.time()
    known = intake.accounts(source.accounts())
    if not source.is_blind:
        intake.read_log(ledger, Path(paths.CALLBACK_LOG), known)
    intake.read_orders(ledger, source, now)
    silence = None
    if (order := source.order(number)) and ask:
        ledger.add_orders([order], now)
        reconciler = Reconciler(
            ledger, source, known, lambda _made: Answer(0, b""), now, acts=False
        )
        reply = reconciler.question(order)
        if reply and reply.status.tells:
            ledger.add_reply(number, reply, now)
        else:
            silence = reply
    auditor.of(ledger, source, known, now, acts=True).audit()
    return silence


def _unread(ledger: Ledger, number: str) -> Iterator[Callback]:
    """Callbacks of the order that the ledger has not read yet."""
    place = log.Place.parse(ledger.note(intake.PLACE))
    for lines, _place in log.batches(Path(paths.CALLBACK_LOG), place):
        for line in lines:
            callback = parse(line)
            if callback and (
                number in callback.parameters.values() or number.encode() in callback.body
            ):
                yield callback


def _said(number: str) -> Iterator[Event]:
    """One API's own lines about it; keys and signatures stand in none that we show."""
    since = f"--since=-{DAYS}d"
    text = run("journalctl", "--unit=one-api", since, "--no-pager", "--output=json")[1]
    found = [line for line in text.splitlines() if number in line]
    named = re.compile(rf"(?<!\w){re.escape(number)}(?!\w)")  # journald's own fields have numbers
    told = [
        line
        for line in map(_message, found)
        if line and named.search(line[1]) and not _is_asked(line[1])
    ]
    for at, message in told[-LINES:]:
        words = foreign.line(SIGNED.sub(r"\1***", message))
        yield Event(at, timeline.LOG, _("One API's log: {line}", line=words))


def _message(line: str) -> tuple[float, str] | None:
    try:
        entry = json.loads(line)
        return int(entry["__REALTIME_TIMESTAMP"]) / 1e6, str(entry["MESSAGE"])
    except (ValueError, KeyError, TypeError):
        return None


def _is_asked(message: str) -> bool:
    return any(path in message for path in ASKED)
