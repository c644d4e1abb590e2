"""What the report and the day's summary tell, counted from the ledger."""

import json
import math
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from one_api_infra.server.callbacks.audit import Class
from one_api_infra.server.callbacks.intake import ACCOUNTS
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.reconcile import CREDITED
from one_api_infra.server.callbacks.schedule import HORIZON

DAYS = 7
HOUR = 3600
SHARES = (0.5, 0.95, 0.99)
AGENT = ("replay", "reconcile")
LIMITS = (1.0, 5.0, 30.0, 60.0, 300.0, 1800.0, 10800.0)  # seconds from payment to credit
Amounts = Mapping[str, Decimal]  # by currency


@dataclass(frozen=True)
class Payment:
    """A credited order: when it was paid (as far as was seen), when credited, and how.

    ``way`` is ``callback``, ``replay``, ``reconcile``, ``hand``, or ``unseen``.
    """

    number: str
    paid: float
    credited: float
    way: str
    money: Decimal
    currency: str
    gateway: str

    @property
    def delay(self) -> float:
        """Seconds from payment to credit."""
        return max(self.credited - self.paid, 0.0)


@dataclass(frozen=True)
class Day:
    """A day in the site's time zone; ``hours`` are the parts of One API's answers, if asked."""

    begin: datetime
    amounts: Amounts
    count: int
    hours: Sequence[float | None]

    @property
    def answered(self) -> float | None:
        """The part of its hours that One API answered; None if nobody asked."""
        known = [each for each in self.hours if each is not None]
        return sum(known) / len(known) if known else None


def payments(ledger: Ledger, since: float) -> list[Payment]:
    """What was credited since a time, oldest first."""
    query = (
        "SELECT orders.*,"
        " (SELECT min(at) FROM callbacks WHERE callbacks.number = orders.number"
        "   AND is_genuine AND is_paid) AS called,"
        " (SELECT min(at + seconds) FROM callbacks WHERE callbacks.number = orders.number"
        "   AND is_genuine AND is_paid AND is_accepted) AS accepted,"
        " (SELECT min(at) FROM credits WHERE credits.number = orders.number) AS logged,"
        " (SELECT max(at) FROM corrections WHERE corrections.number = orders.number) AS hand,"
        " acts.kind AS kind, acts.ended AS ended FROM orders LEFT JOIN acts"
        "   ON acts.number = orders.number AND acts.result = ?"
        " WHERE orders.class = ? AND created >= ?"
    )
    values = (CREDITED, Class.CREDITED.value, since - HORIZON)
    kinds = json.loads(ledger.note(ACCOUNTS) or "{}")
    found = [_payment(row, kinds) for row in ledger.db.execute(query, values).fetchall()]
    return sorted((each for each in found if each.credited >= since), key=lambda one: one.credited)


def _payment(row: sqlite3.Row, kinds: Mapping[str, str]) -> Payment:
    ways = {row["kind"] or "": row["ended"], "callback": row["accepted"], "hand": row["hand"]}
    way = next((name for name, at in ways.items() if name and at), "unseen")
    credited = ways.get(way) or row["logged"] or row["since"]
    gateway = kinds.get(row["account"], row["account"] or "-")
    paid = row["called"] or (credited if way == "unseen" else row["created"])
    money = Decimal(row["money"] or 0)
    return Payment(row["number"], paid, credited, way, money, row["currency"], gateway)


def amounts(found: Iterable[Payment]) -> Amounts:
    """What was paid, by currency."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for each in found:
        sums[each.currency] += each.money
    return dict(sorted(sums.items()))


def by_gateway(found: Iterable[Payment]) -> Mapping[str, list[Payment]]:
    """Payments by gateway, the one with most of them first."""
    groups: dict[str, list[Payment]] = defaultdict(list)
    for each in found:
        groups[each.gateway].append(each)
    return dict(sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])))


def midnight(now: float, zone: tzinfo) -> datetime:
    """When today began."""
    return datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)


def answers(ledger: Ledger) -> Mapping[int, float]:
    """The part of its looks at which One API answered, by hours since 1970."""
    rows = ledger.db.execute("SELECT hour, runs, down FROM hours WHERE runs > 0").fetchall()
    return {row["hour"]: 1 - row["down"] / row["runs"] for row in rows}


def days(
    paid: Sequence[Payment], parts: Mapping[int, float], now: float, zone: tzinfo
) -> list[Day]:
    """The last days, today last; ``parts`` are the ``answers``."""
    today = midnight(now, zone)
    found = []
    for back in range(DAYS - 1, -1, -1):
        begin = today - timedelta(days=back)
        end = today - timedelta(days=back - 1)
        own = [each for each in paid if begin.timestamp() <= each.credited < end.timestamp()]
        first = int(begin.timestamp() // HOUR)
        hours = [parts.get(hour) for hour in range(first, int(end.timestamp() // HOUR))]
        found.append(Day(begin, amounts(own), len(own), hours))
    return found


def delays(paid: Iterable[Payment]) -> list[tuple[float | None, int, int]]:
    """Payments by delay: upper limit in seconds (None: later), count, how many were mended."""
    all_of_them, reconciled = Counter[float | None](), Counter[float | None]()
    for each in paid:
        limit = next((limit for limit in LIMITS if each.delay < limit), None)
        all_of_them[limit] += 1
        reconciled[limit] += each.way in AGENT
    return [(limit, all_of_them[limit], reconciled[limit]) for limit in (*LIMITS, None)]


def shares(values: Sequence[float]) -> tuple[float, ...]:
    """Median, 95th and 99th percentile (nearest rank); nothing of nothing."""
    ordered = sorted(values)
    if not ordered:
        return ()
    return tuple(ordered[max(math.ceil(share * len(ordered)) - 1, 0)] for share in SHARES)


def callbacks(ledger: Ledger, since: float) -> Mapping[str, int]:
    """Callbacks by what became of them: ``accepted``, ``refused``, ``failed``."""
    query = (
        "SELECT CASE WHEN is_accepted THEN 'accepted' WHEN status >= 429 THEN 'failed'"
        " ELSE 'refused' END AS kind, count(*) AS count"
        " FROM callbacks WHERE at >= ? AND is_test = 0 GROUP BY kind"
    )
    counts = {row["kind"]: row["count"] for row in ledger.db.execute(query, (since,))}
    return {kind: counts.get(kind, 0) for kind in ("accepted", "refused", "failed")}


def classes(ledger: Ledger, since: float) -> list[tuple[Class, int]]:
    """Orders by class."""
    query = (
        "SELECT class, count(*) FROM orders WHERE created >= ? AND class != '' GROUP BY class"
        " ORDER BY count(*) DESC"
    )
    return [(Class(row[0]), row[1]) for row in ledger.db.execute(query, (since,)).fetchall()]
