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

NO = ("unknown", "ReadTimeout")
OWN_WORDS = ("unknown", "订单号不存在")
ANSWER = ("waiting", "")


@pytest.mark.parametrize(
    ("known", "asked", "expected"),
    [
        ({}, [(1, *NO)], Spell(1, 1, "ReadTimeout")),
        ({}, [(1, *NO), (2, *NO)], Spell(1, 2, "ReadTimeout")),
        ({}, [(1, *NO), (2, *ANSWER)], None),
        ({}, [(1, *NO), (2, *OWN_WORDS)], None),
        ({}, [(1, *ANSWER), (2, "unknown", "HTTP 404")], Spell(2, 2, "HTTP 404")),
        # An answer of before is still in the ledger, while the first silence is not.
        ({"row": Spell(5, 5, "x")}, [(3, *ANSWER), (9, *NO)], Spell(5, 9, "ReadTimeout")),
        ({"row": Spell(5, 5, "x")}, [(6, *ANSWER), (9, *NO)], Spell(9, 9, "ReadTimeout")),
        ({"row": Spell(5, 5, "x")}, [], Spell(5, 5, "x")),
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


def test_words_of_a_gateway_are_not_taken_for_ours() -> None:
    assert silence.is_ours("HTTP 502")
    assert silence.is_ours("SSLError")
    assert not silence.is_ours("订单号不存在")
    assert not silence.is_ours("")
    assert silence.words("HTTP 502") == "HTTP 502"
