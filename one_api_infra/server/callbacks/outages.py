"""Outages: One API was down, callbacks failed, or nobody looked.

What was new when one began is as new when it has ended: the time between counts for nothing.
"""

import json

from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.schedule import HORIZON

RAN, DOWN, ENDED, OUTAGES = "ran", "down", "outage_ended", "outages"
GAP = 300.0  # seconds without a run that count as an outage


def begin(ledger: Ledger, now: float) -> None:
    """Note, before anything is read, an outage since the last run that came to its end."""
    ran, down = (float(ledger.note(name) or 0) for name in (RAN, DOWN))
    if ran and (down > ran or not 0 <= now - ran <= GAP):
        _note(ledger, ran, now)


def end(ledger: Ledger, now: float) -> float:
    """When the last outage ended, now that the log was read."""
    ran, down = (float(ledger.note(name) or 0) for name in (RAN, DOWN))
    query = "SELECT 1 FROM callbacks WHERE at > ? AND status >= 500 AND is_genuine = 1 LIMIT 1"
    failed = ledger.db.execute(query, (ran,)).fetchone() if ran else None
    if failed:
        _note(ledger, ran, now)
    if down > ran or failed or (ran and not 0 <= now - ran <= GAP):
        ledger.note(ENDED, now)
    ended = float(ledger.note(ENDED) or 0)
    return ended if ended <= now else 0.0  # a clock was ahead once


def since(ledger: Ledger, now: float) -> float:
    """From when on orders and callbacks are looked at."""
    recent = [begun for begun, ended in _known(ledger) if 0 <= now - ended < HORIZON]
    return min([now, *recent]) - HORIZON


def _note(ledger: Ledger, begun: float, now: float) -> None:
    known = {one: ended for one, ended in _known(ledger) if 0 <= now - ended < HORIZON}
    ledger.note(OUTAGES, json.dumps([*(known | {begun: now}).items()]))


def _known(ledger: Ledger) -> list[tuple[float, float]]:
    return [(begun, ended) for begun, ended in json.loads(ledger.note(OUTAGES) or "[]")]
