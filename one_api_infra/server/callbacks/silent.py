"""Payment rows whose gateways answer no question, in the ledger: what they do not tell is not seen.

A gateway is silent if for ``PATIENCE`` seconds, and each of ``TIMES`` times, nothing that it was
asked brought an answer. After ``MEMORY`` seconds without a question that is over.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from one_api_infra.server.callbacks.gateways.gateway import Account, PaymentStatus
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.shared import plain, silence
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.server_observation import Silent

NOTE = "silent"
PATIENCE, TIMES, MEMORY = 600.0, 3, 6 * 3600.0
ASKED = (
    "SELECT orders.account, replies.at, replies.status, replies.detail FROM replies"
    " JOIN orders USING (number) WHERE replies.at > ?"
    " ORDER BY replies.at, replies.status != 'silent'"
)
TOLD = (
    "SELECT 1 FROM replies JOIN orders USING (number)"
    " WHERE orders.account = ? AND replies.status NOT IN ('unknown', 'silent') LIMIT 1"
)
Asked = tuple[str, float, str, str]


@dataclass(frozen=True)
class Spell:
    """Questions without an answer: the first, the last, how many, and why there was none."""

    since: float
    at: float
    reason: str
    times: int = 1
    title: str = ""
    has_told: bool = False


def read(ledger: Ledger) -> tuple[Silent, ...]:
    """The silent ones."""
    spells = _kept(ledger).values()
    found = (each for each in spells if each.times >= TIMES and each.at - each.since >= PATIENCE)
    return tuple(Silent(each.title, each.reason, each.has_told) for each in found)


def keep(ledger: Ledger, accounts: Mapping[str, Account], now: float) -> None:
    """Note what the gateways of these payment rows have left unanswered."""
    rows = ledger.db.execute(ASKED, (now - MEMORY,)).fetchall()
    found = spells(_kept(ledger), (tuple(row) for row in rows))
    kept = {
        row: asdict(spell)
        | {"title": accounts[row].title or row, "has_told": _has_told(ledger, row)}
        for row, spell in found.items()
        if row in accounts and spell.at > now - MEMORY
    }
    ledger.note(NOTE, json.dumps(kept))


def spells(known: Mapping[str, Spell], asked: Iterable[Asked]) -> dict[str, Spell]:
    """The spells after these questions (row, time, status, detail), oldest first."""
    found = dict(known)
    for row, at, status, detail in asked:
        before = found.get(row)
        is_silence = status == PaymentStatus.SILENT
        if before and (at < before.at or (is_silence and at == before.at)):
            continue  # it was read before
        if is_silence:
            found[row] = _longer(before, at, detail)
        else:
            found.pop(row, None)
    return found


def _longer(before: Spell | None, at: float, reason: str) -> Spell:
    """One question more; a 404 is the reason only if there was no other."""
    if before is None:
        return Spell(at, at, reason)
    is_weak = reason == silence.NO_QUERY
    return Spell(before.since, at, before.reason if is_weak else reason, before.times + 1)


def _has_told(ledger: Ledger, row: str) -> bool:
    """Whether the gateway has ever told of an order."""
    return ledger.db.execute(TOLD, (row,)).fetchone() is not None


def _kept(ledger: Ledger) -> dict[str, Spell]:
    """What was noted; nothing where another version of this program noted it."""
    try:
        told = json.loads(ledger.note(NOTE) or "{}")
        return {row: plain.parse(Spell, spell) for row, spell in told.items()}
    except (ValueError, AttributeError, PlainError):
        return {}
