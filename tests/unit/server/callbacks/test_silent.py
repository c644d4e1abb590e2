"""Gateways that answer no question: from when on, and until when."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.server.callbacks import silent
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.silent import PATIENCE, Spell
from one_api_infra.shared import silence
from tests.unit.server.callbacks.world import FaultyEpay, World

NO = ("silent", "ReadTimeout")
NO_QUERY = ("silent", silence.NO_QUERY)
OWN_WORDS = ("unknown", "订单号不存在")
ANSWER = ("waiting", "")


def spell(since: float, at: float, times: int, reason: str = "ReadTimeout") -> Spell:
    return Spell(since, at, reason, times)


@pytest.mark.parametrize(
    ("known", "asked", "expected"),
    [
        ({}, [(1, *NO)], spell(1, 1, 1)),
        ({}, [(1, *NO), (2, *NO)], spell(1, 2, 2)),
        ({}, [(1, *NO), (2, *ANSWER)], None),
        ({}, [(1, *NO), (2, *OWN_WORDS)], None),
        # Those of one run: one that was answered is enough.
        ({}, [(1, *NO), (1, *ANSWER)], None),
        ({}, [(1, *NO), (1, *NO)], spell(1, 1, 1)),
        # An answer of before is still in the ledger, while the first silence is not.
        ({"row": spell(5, 6, 2)}, [(3, *ANSWER), (6, *NO), (9, *NO)], spell(5, 9, 3)),
        ({"row": spell(5, 5, 1)}, [(6, *ANSWER), (9, *NO)], spell(9, 9, 1)),
        ({"row": spell(5, 5, 1)}, [], spell(5, 5, 1)),
        # A page that is not there says less than any other reason.
        ({}, [(1, *NO_QUERY), (2, *NO_QUERY)], spell(1, 2, 2, silence.NO_QUERY)),
        ({}, [(1, *NO_QUERY), (2, *NO), (3, *NO_QUERY)], spell(1, 3, 3)),
    ],
)
def test_spells(
    known: dict[str, Spell], asked: list[tuple[float, str, str]], expected: Spell | None
) -> None:
    assert silent.spells(known, (("row", *each) for each in asked)).get("row") == expected


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=30))
def test_it_does_not_matter_how_often_they_are_read(said: list[tuple[str, bool]]) -> None:
    asked = [
        (row, float(at), *(ANSWER if answers else NO)) for at, (row, answers) in enumerate(said)
    ]
    whole = silent.spells({}, asked)
    known: dict[str, Spell] = {}
    for end in range(len(asked) + 1):
        known = silent.spells(known, asked[:end])
    assert known == whole


def test_a_silent_gateway_is_told_until_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, random.Random(1))
    (tmp_path / "callbacks.log").touch()
    gateway = FaultyEpay(world, 1.0)
    monkeypatch.setitem(GATEWAYS, "epay", gateway)
    world.create("1")
    assert _rows(world, PATIENCE / 2) == []
    assert _rows(world, PATIENCE * 2) == [("3 epay", "ReadTimeout")]
    gateway.silence = 0.0
    assert _rows(world, PATIENCE * 2) == []


def _rows(world: World, seconds: float) -> list[tuple[str, str]]:
    end = world.now + seconds
    while world.now < end:
        world.now += 20
        world.run()
    ledger = Ledger(world.folder / "ledger.db")
    found = [(each.title, each.reason) for each in silent.read(ledger)]
    ledger.close()
    return found


def test_what_another_version_noted_stops_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    for text in ("[]", "{", '{"row": {"since": 1, "other": 2}}', '{"row": 1}'):
        ledger.note(silent.NOTE, text)
        assert silent.read(ledger) == ()
    ledger.close()
