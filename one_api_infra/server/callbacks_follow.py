"""``callbacks``: each callback as it comes, one JSON object a line."""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from one_api_infra.server import callback_service
from one_api_infra.server.callbacks import auditor, intake, log
from one_api_infra.server.callbacks.event import event
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.intake import Accounts
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.order import Status
from one_api_infra.server.local import CommandError, site
from one_api_infra.shared import paths
from one_api_infra.shared.callback_event import CallbackEvent
from one_api_infra.shared.editions.api import ApiError
from one_api_infra.shared.texts import _

PAUSE = 0.3
ACCOUNTS_SECONDS = 60.0  # a payment row may be added meanwhile
LIFE_SECONDS = 10.0  # an empty line: whoever has gone away is noticed by writing to them


def show(seconds: str) -> None:
    """Print those of the last seconds."""
    begin = time.time() - float(seconds)
    place = log.since(Path(paths.CALLBACK_LOG), begin)
    for each in _events(place, _accounts({}), begin)[0]:
        _print(each)


def follow(seconds: str) -> None:
    """Print those of the last seconds, and each that comes, until nobody reads any more."""
    begin, known = time.time() - float(seconds), _accounts({})
    path = Path(paths.CALLBACK_LOG)
    place = log.since(path, begin) if float(seconds) else log.end(path)
    asked = spoke = time.monotonic()
    print(flush=True)  # from now on none is missed
    while True:
        events, place = _events(place, known, begin)
        for each in events:
            _print(each)
        now = time.monotonic()
        if now - asked > ACCOUNTS_SECONDS:
            known, asked = _accounts(known), now
        if now - spoke > LIFE_SECONDS:
            print(flush=True)
            spoke = now
        time.sleep(PAUSE)


def replay(identity: str) -> None:
    """Let the callback service send a callback's order once more, by its rules."""
    ledger = Ledger(paths.LEDGER)
    try:
        query = (
            "SELECT callbacks.number, gateway, orders.status AS order_status,"
            " (SELECT max(at) FROM callbacks AS each WHERE each.number = callbacks.number"
            "   AND is_genuine = 1 AND is_paid = 1) AS at"
            " FROM callbacks JOIN orders USING (number)"
            " WHERE id = ? AND is_genuine = 1 AND is_paid = 1"
        )
        found = ledger.db.execute(query, (identity,)).fetchone()
        if why := _unsendable(found, time.time()) or _held(ledger, found):
            raise CommandError(why)
        sent = auditor.send(ledger, found["number"], time.time()) if found else 0
    finally:
        ledger.close()
    if not sent:
        raise CommandError(
            _(
                "Nothing is sent: no genuine callback of a payment has the id {id}, or its order"
                " is unknown or was closed. `one-api-infra callbacks` shows the ids.",
                id=identity,
            )
        )
    print(
        _(
            "The callback service sends the newest callback of order {number} that it has, as soon"
            " as it is due: `one-api-infra order {number}` shows what comes of it.",
            number=found["number"],
        )
    )


def _held(ledger: Ledger, found: Mapping[str, Any] | None) -> str:
    """Why an order waits for another word than this one: somebody may have credited it by hand."""
    held = ledger.orders("number = ?", found["number"]) if found else []
    if not (found and held and auditor.is_held(ledger, held[0])):
        return ""
    return _(
        "Nothing is sent: somebody added the sum of order {number} by hand. If it was for this"
        " order: `one-api-infra order {number} --done`; if not: `one-api-infra order {number}"
        " --send`.",
        number=found["number"],
    )


def _unsendable(found: Mapping[str, Any] | None, now: float) -> str:
    """Why nothing can be sent for a callback; empty where it can, or where there is none."""
    if found is None:
        return ""
    if found["order_status"] != Status.PENDING:
        return _(
            "Nothing is sent: order {number} is no longer pending in One API"
            " (`one-api-infra order {number}`).",
            number=found["number"],
        )
    deadline = GATEWAYS[found["gateway"]].deadline if found["gateway"] in GATEWAYS else None
    if deadline is not None and found["at"] < now - deadline:
        return _(
            "Nothing is sent: One API would refuse it, for its signature is older than {minutes}"
            " minutes. The gateway calls again by itself; its console can, too.",
            minutes=round(deadline / 60),
        )
    return ""


def _accounts(known: Accounts) -> Accounts:
    """Those that One API knows now; the ones of before while it does not answer."""
    current = site()
    os.environ.update(callback_service.trust(current))
    with contextlib.suppress(ApiError):
        return intake.accounts(callback_service.source(current).accounts())
    return known


def _events(
    place: log.Place, known: Accounts, begin: float
) -> tuple[list[CallbackEvent], log.Place]:
    found = list[CallbackEvent]()
    for lines, after in log.batches(Path(paths.CALLBACK_LOG), place):
        found += _told(lines, known, begin)
        place = after
    return found, place


def _told(lines: list[bytes], known: Accounts, begin: float) -> Iterator[CallbackEvent]:
    for line in lines:
        with contextlib.suppress(Exception):  # a line that nobody foresaw
            if json.loads(line)["at"] < begin:  # to judge it takes longer than to read it
                continue
            if judged := intake.judged(line, known):
                yield event(judged)


def _print(found: CallbackEvent) -> None:
    print(json.dumps(asdict(found), ensure_ascii=False), flush=True)
