"""What an older state of the database makes valid again: keys that were revoked, codes that were
used. Known where the newer state is still here, as after a restore into a running site.
"""

import contextlib
import sqlite3
from pathlib import Path

ENABLED = 1  # of tokens and redemptions, in all editions
MOST = 20  # ids that are named


def revived(then: Path, now: Path) -> dict[str, list[int]]:
    """Ids by table that are good in the database ``then`` and were not any more in ``now``."""
    with contextlib.closing(sqlite3.connect(f"file:{then}?mode=ro", uri=True)) as database:
        database.execute("ATTACH ? AS later", (f"file:{now}?mode=ro",))
        found = {name: _of(database, name) for name in ("tokens", "redemptions")}
    return {name: ids for name, ids in found.items() if ids}


def _of(database: sqlite3.Connection, table: str) -> list[int]:
    columns = _columns(database, table)
    good = [f"{{0}}.status = {ENABLED}"] * ("status" in columns)
    good += ["{0}.deleted_at IS NULL"] * ("deleted_at" in columns)
    if not columns:
        return []
    is_good = " AND ".join(["1 = 1", *good])
    later = f"SELECT 1 FROM later.{table} b WHERE b.id = a.id AND {is_good.format('b')}"  # noqa: S608
    query = f"SELECT id FROM main.{table} a WHERE {is_good.format('a')} AND NOT EXISTS ({later})"  # noqa: S608
    return [int(row[0]) for row in database.execute(f"{query} ORDER BY id")]


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    """Those that a table has in both; none if one lacks it."""
    asked = (database.execute(f"PRAGMA {name}.table_info({table})") for name in ("main", "later"))
    then, now = ({str(row[1]) for row in rows} for rows in asked)
    return then & now


def words(ids: list[int]) -> str:
    """Ids as text; of many the first."""
    more = "…" if len(ids) > MOST else ""
    return ", ".join(map(str, ids[:MOST])) + more
