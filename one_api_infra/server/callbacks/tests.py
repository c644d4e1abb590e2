"""What came of the last test payment of each payment row, in the ledger."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.shared import plain
from one_api_infra.shared.server_observation import Tested

NOTE = "tested"


def read(ledger: Ledger) -> tuple[Tested, ...]:
    """All that are known."""
    return tuple(plain.parse(Tested, told) for told in _kept(ledger).values())


def keep(ledger: Ledger, new: Mapping[str, Tested]) -> None:
    """Put new ones in, by their rows."""
    _keep(ledger, _kept(ledger) | {row: asdict(tested) for row, tested in new.items()})


def forget(ledger: Ledger, rows: Mapping[str, object]) -> None:
    """Forget those of payment rows that are gone."""
    kept = _kept(ledger)
    left = {row: told for row, told in kept.items() if row in rows}
    if rows and left != kept:
        _keep(ledger, left)


def _keep(ledger: Ledger, kept: Mapping[str, object]) -> None:
    ledger.note(NOTE, json.dumps(kept))


def _kept(ledger: Ledger) -> dict[str, object]:
    return dict(json.loads(ledger.note(NOTE) or "{}"))
