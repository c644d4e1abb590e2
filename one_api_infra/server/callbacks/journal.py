"""The journal of payments: what the ledger learns of orders and genuine callbacks, line by line.

It goes off the server within seconds, whatever the database does, so that after the restore of an
older state it is known who has paid since.
"""

import base64
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from one_api_infra.server.callbacks import intake
from one_api_infra.server.callbacks.intake import Accounts
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource

CALLBACKS, ORDERS = "journal_callbacks", "journal_orders"  # how far it has come
HOUR = 3600.0  # seconds
DAYS = 7  # a backup of everything is made many times meanwhile
ORDER_COLUMNS = ("number", "user", "account", "money", "currency", "quota", "status", "created",
                 "gateway_number")  # fmt: skip

# To One API it is closed: nothing is sent for it.
ADD_LOST = (
    "INSERT OR IGNORE INTO orders (number, user, account, money, currency, quota, created, status,"
    " gateway_number, since) VALUES (:number, :user, :account, :money, :currency, :quota,"
    " :created, 'closed', '', :now)"
)


def append(ledger: Ledger, folder: Path, now: float) -> None:
    """Write what is new into the hour's file, and only then note how far it came."""
    callbacks, orders = _callbacks(ledger), _orders(ledger, now)
    lines = [
        *({"callback": base64.b64encode(row["line"]).decode()} for row in callbacks),
        *({"order": {name: row[name] for name in ORDER_COLUMNS}} for row in orders),
    ]
    if not lines:
        return
    folder.mkdir(mode=0o750, exist_ok=True)
    path = folder / time.strftime("%Y-%m-%dT%H.jsonl", time.gmtime(now))
    with path.open("a", encoding="utf-8") as stream:
        stream.writelines(f"{json.dumps(line)}\n" for line in lines)
        stream.flush()
        os.fsync(stream.fileno())
    for name, rows in ((CALLBACKS, callbacks), (ORDERS, orders)):
        if rows:
            ledger.note(name, rows[-1]["place"])
    _purge(folder, now)


def _callbacks(ledger: Ledger) -> list[Mapping[str, Any]]:
    query = (
        "SELECT rowid AS place, line FROM callbacks WHERE rowid > ? AND is_genuine = 1"
        " AND line IS NOT NULL ORDER BY rowid"
    )
    return ledger.db.execute(query, (int(ledger.note(CALLBACKS) or 0),)).fetchall()


def _orders(ledger: Ledger, now: float) -> list[Mapping[str, Any]]:
    query, mark = (
        "SELECT *, since AS place FROM orders WHERE since > ? ORDER BY since",
        float(ledger.note(ORDERS) or 0),
    )
    if mark > now:  # a clock was ahead: what came after it would stand before the mark
        ledger.db.execute("UPDATE orders SET since = ? WHERE since > ?", (now, now))
        mark = now - HOUR
    return ledger.db.execute(query, (mark,)).fetchall()


def _purge(folder: Path, now: float) -> None:
    for path in folder.glob("*.jsonl"):
        if path.stat().st_mtime < now - DAYS * 86400:
            path.unlink()


def bring(ledger: Ledger, source: OrderSource, folder: Path, known: Accounts, now: float) -> None:
    """Put a journal that was brought back into the ledger; what it knows already, it leaves alone.

    An order that One API does not know any more is closed here: nothing is sent for it, its gateway
    is asked, and if it was paid it becomes a case.
    """
    if not folder.is_dir():
        return
    lines = [
        base64.b64decode(entry["callback"]) for entry in entries(folder) if "callback" in entry
    ]
    orders = {entry["order"]["number"]: entry["order"] for entry in entries(folder)
              if "order" in entry}  # fmt: skip
    unknown = _unknown(orders, ledger, source)
    looked = [(order, source.order(order["number"])) for order in unknown[: intake.LOOKUPS]]
    with ledger.transaction():
        ledger.add_callbacks(row for line in lines if (row := intake.safe_row(line, known)))
        lost = [order | {"now": now} for order, current in looked if current is None]
        ledger.db.executemany(ADD_LOST, lost)
        ledger.add_orders((current for _order, current in looked if current), now)
    if len(looked) == len(unknown):  # else the next run goes on: One API counts who asks
        shutil.rmtree(folder)


def _unknown(
    orders: Mapping[str, dict[str, Any]], ledger: Ledger, source: OrderSource
) -> list[dict[str, Any]]:
    """Orders that neither One API's list nor the ledger has."""
    if not orders:
        return []
    begin = min(float(order["created"]) for order in orders.values())
    known = {order.number for order in source.orders(begin)}
    known |= {row["number"] for row in ledger.db.execute("SELECT number FROM orders")}
    return [order for number, order in orders.items() if number not in known]


def entries(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of a journal, oldest first; one that was cut off is passed over."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry
