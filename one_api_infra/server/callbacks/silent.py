"""Payment rows whose gateways answer no question, in the ledger: what they do not tell is not seen.

A gateway is silent if for ``PATIENCE`` seconds nothing that it was asked brought an answer.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from one_api_infra.server.callbacks.gateways.gateway import Account, PaymentStatus
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.shared import plain, silence
from one_api_infra.shared.server_observation import Silent

NOTE = "silent"
PATIENCE = 600.0
DAY = 86400.0
ASKED = (
    "SELECT orders.account, replies.at, replies.status, replies.detail FROM replies"
    " JOIN orders USING (number) WHERE replies.at > ? ORDER BY replies.at"
)
Asked = tuple[str, float, str, str]


@dataclass(frozen=True)
class Spell:
    """Questions without an answer: the first, the last, and why the last had none."""

    since: float
    at: float
    reason: str
    title: str = ""


def read(ledger: Ledger) -> tuple[Silent, ...]:
    """The silent ones."""
    found = _kept(ledger).values()
    return tuple(Silent(x.title, x.reason) for x in found if x.at - x.since >= PATIENCE)


def keep(ledger: Ledger, accounts: Mapping[str, Account], now: float) -> None:
    """Note what the gateways of these payment rows have left unanswered in the last day."""
    rows = ledger.db.execute(ASKED, (now - DAY,)).fetchall()
    found = spells(_kept(ledger), (tuple(row) for row in rows))
    kept = {
        row: asdict(spell) | {"title": accounts[row].title or row}
        for row, spell in found.items()
        if row in accounts and spell.at > now - DAY
    }
    ledger.note(NOTE, json.dumps(kept))


def spells(known: Mapping[str, Spell], asked: Iterable[Asked]) -> dict[str, Spell]:
    """The spells after these questions (row, time, status, detail), oldest first."""
    found = dict(known)
    for row, at, status, detail in asked:
        if row in found and at < found[row].since:
            continue
        if status == PaymentStatus.UNKNOWN and silence.is_ours(detail):
            since = found[row].since if row in found else at
            found[row] = Spell(since, at, detail)
        else:
            found.pop(row, None)
    return found


def _kept(ledger: Ledger) -> dict[str, Spell]:
    told = json.loads(ledger.note(NOTE) or "{}")
    return {row: plain.parse(Spell, spell) for row, spell in told.items()}
