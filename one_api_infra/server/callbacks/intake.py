"""From the callback log and One API's orders into the ledger."""

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from one_api_infra.server.callbacks import log, outages
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.gateways.gateway import Account, Claim
from one_api_infra.server.callbacks.ledger import Ledger, callback_row, is_genuine
from one_api_infra.server.callbacks.order import Status
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource
from one_api_infra.server.callbacks.schedule import HORIZON, in_turn
from one_api_infra.shared.callback import Callback, parse

PLACE, KEYS = "log_place", "keys"
ACCOUNTS = "accounts"
ORDERS_READ, ORDERS_BEGIN, EDITION = "orders_read", "orders_begin", "edition"
QUOTA_DISPLAY, MISSING = "quota_display", "missing"
MISSING_SECONDS = 60.0
FIRST = 3 * HORIZON  # how far the first look goes back: a credit's order is older than the credit
LOOKUPS = 200  # single orders in a run; One API limits its callers, the callback service too
OVERLAP = 120.0  # seconds that are read again: clocks differ, and a row may be written late

Accounts = Mapping[str, Account]


def accounts(found: Sequence[Account]) -> Accounts:
    """Accounts by what a callback tells: the payment row's uuid, or the path."""
    return {key: account for account in found for key in (account.row, account.path) if key}


def keep_accounts(ledger: Ledger, known: Accounts) -> None:
    """Note which payment row is which kind of gateway, for the report; rows that are gone stay."""
    kinds = json.loads(ledger.note(ACCOUNTS) or "{}")
    kinds |= {account.row: account.gateway for account in known.values()}
    ledger.note(ACCOUNTS, json.dumps(kinds))


def judge_anew(ledger: Ledger, path: Path, known: Accounts, now: float) -> None:
    """Where an account was mended: what the one of before called forged may be genuine."""
    judges = sorted({_judge(account) for account in known.values()})
    keys = hashlib.sha256("\n".join(judges).encode()).hexdigest()
    if ledger.note(KEYS) == keys:
        return
    with ledger.transaction():
        if ledger.note(KEYS):
            ledger.db.execute("DELETE FROM callbacks WHERE is_genuine = 0")
            ledger.note(PLACE, log.since(path, outages.since(ledger, now)).plain())
        ledger.note(KEYS, keys)


def _judge(account: Account) -> str:
    """All of an account by which a callback is judged: some gateways' keys are public."""
    secrets = {name: secret.reveal() for name, secret in account.secrets.items()}
    parts = (account.row, account.path, account.gateway, account.merchant)
    return json.dumps([*parts, dict(account.public), secrets], sort_keys=True)


@dataclass(frozen=True)
class Read:
    """What was read: lines, those of them that strangers sent, and whether that was all."""

    lines: int = 0
    strangers: int = 0
    is_whole: bool = True


@dataclass(frozen=True)
class Judged:
    """A callback, and what it says; ``gateway`` is empty where its payment row is gone.

    ``row`` is that row, or what the path ends with.
    """

    callback: Callback
    gateway: str
    row: str
    claim: Claim
    is_accepted: bool


def read_log(ledger: Ledger, path: Path, known: Accounts, seconds: float = math.inf) -> Read:
    """Put new callbacks in, as far as the time goes: a flood must not delay what is mended."""
    until = time.monotonic() + seconds
    lines_read = strangers = 0
    for lines, place in log.batches(path, log.Place.parse(ledger.note(PLACE))):
        rows = [row for line in lines if (row := safe_row(line, known))]
        with ledger.transaction():
            ledger.add_callbacks(rows)
            ledger.note(PLACE, place.plain())
        lines_read += len(lines)
        strangers += sum(not is_genuine(row) for row in rows)
        if lines and time.monotonic() > until:
            return Read(lines_read, strangers, is_whole=False)
    return Read(lines_read, strangers)


def safe_row(line: bytes, known: Accounts) -> tuple[Any, ...] | None:
    """A callback's row; a line that nobody foresaw is passed over, since it would come for ever."""
    try:
        return _row(line, known)
    except Exception:
        return None


def _row(line: bytes, known: Accounts) -> tuple[Any, ...] | None:
    """A callback's row; None for what says nothing of an order."""
    found = judged(line, known)
    if found is None:
        return None
    return callback_row(
        found.callback, (found.gateway, found.row), found.claim,
        is_accepted=found.is_accepted, line=line,
    )  # fmt: skip


def judged(line: bytes, known: Accounts) -> Judged | None:
    """A line of the log; None for what says nothing of an order (a probe, a scanner, no JSON)."""
    callback = parse(line)
    return judge(callback, known) if callback else None


def judge(callback: Callback, known: Accounts) -> Judged | None:
    """What a callback says, by the account at which it came: whose key fits, where some share."""
    found = [_judged(callback, account) for account in _at(callback, known)]
    if not found:
        return _nobodys(callback)
    genuine = (each for each in found if each and each.claim.is_genuine)
    return next(genuine, found[0])


def _at(callback: Callback, known: Accounts) -> Sequence[Account]:
    """The accounts at whose path it came: one by its row, or all that are told one path."""
    if account := known.get(callback.row):
        return [account]
    each_once = {account.row: account for account in known.values()}
    return [account for account in each_once.values() if account.path == callback.path]


def _judged(callback: Callback, account: Account) -> Judged | None:
    gateway = GATEWAYS[account.gateway]
    claim = gateway.claim(callback, account)
    if claim is None or (claim.is_genuine and not claim.number):  # not of an order of ours
        return None
    taken = gateway.is_accepted(callback.status, callback.answer, callback.answer_bytes)
    return Judged(callback, gateway.kind, account.row, claim, taken)


def _nobodys(callback: Callback) -> Judged | None:
    """A callback for a payment row that is gone: nobody can verify it, but it is shown."""
    number = callback.parameters.get("out_trade_no", "")
    claim = Claim(number, "", None, "", "", is_paid=False, is_genuine=False)
    return Judged(callback, "", callback.row, claim, is_accepted=False) if number else None


def read_orders(ledger: Ledger, source: OrderSource, now: float) -> None:
    """Put in what One API knows of orders and credits since the last time.

    Orders that the ledger holds as pending and One API does no longer are looked up one by one,
    and so are those that a callback names and the ledger does not know: they may be old.
    """
    since = float(ledger.note(ORDERS_READ) or now - FIRST) - OVERLAP
    # Credits first: if read after the orders, a new order's credit would seem to be another's.
    credited, corrected = list(source.credits(since)), list(source.corrections(since))
    found = {order.number: order for order in source.orders(since)}
    gone = [number for number in _pending(ledger, now) if number not in found][:LOOKUPS]
    missing = list[str]()
    for number in (*gone, *_strangers(ledger, now)[:LOOKUPS]):
        if number in found:
            continue
        if current := source.order(number):
            found[number] = current
            if current.status is Status.SUCCESS:  # its credit may stand before what was read
                credited += source.credits_of(number)
        elif number in gone:
            missing.append(number)
    with ledger.transaction():
        _close_missing(ledger, missing, now)
        ledger.add_orders(found.values(), now)
        ledger.add_credits(credited)
        ledger.add_corrections(corrected)
        ledger.note(EDITION, source.edition.order_source)
        ledger.note(QUOTA_DISPLAY, str(source.display))
        ledger.note(ORDERS_BEGIN, ledger.note(ORDERS_BEGIN) or since)
        ledger.note(ORDERS_READ, now)


def _close_missing(ledger: Ledger, numbers: Sequence[str], now: float) -> None:
    """An order that was pending and that One API has no more: nothing can be sent for it.

    Its gateway is asked, and if it was paid it becomes a case. Once is not enough: a database that
    was only just brought back may be looked at.
    """
    before = json.loads(ledger.note(MISSING) or "{}")
    since = {number: float(before.get(number, now)) for number in numbers}
    over = [number for number, first in since.items() if now - first >= MISSING_SECONDS]
    ledger.db.executemany(
        "UPDATE orders SET status = 'closed', since = ? WHERE number = ?",
        [(now, number) for number in over],
    )
    left = {number: first for number, first in since.items() if number not in over}
    if left or before:
        ledger.note(MISSING, json.dumps(left))


def _pending(ledger: Ledger, now: float) -> list[str]:
    """Orders that may have ended: young ones, and those that a callback says are paid."""
    orders = ledger.orders(
        "status = 'pending' AND (created >= :since OR number IN (SELECT number FROM callbacks"
        " WHERE is_genuine = 1 AND is_paid = 1 AND at >= :since)"
        " OR class = 'paid_pending'"
        " OR number IN (SELECT number FROM cases WHERE closed IS NULL)) ORDER BY created",
        {"since": outages.since(ledger, now)},
    )
    return [order.number for order in in_turn(orders)]


def _strangers(ledger: Ledger, now: float) -> list[str]:
    query = (
        "SELECT number FROM callbacks INDEXED BY callbacks_at LEFT JOIN orders USING (number)"
        " WHERE is_genuine = 1 AND is_paid = 1 AND orders.number IS NULL AND at > ?"
        " GROUP BY number ORDER BY max(at) DESC"
    )
    return [
        row["number"] for row in ledger.db.execute(query, (outages.since(ledger, now),)).fetchall()
    ]
