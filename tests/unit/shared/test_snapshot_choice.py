"""Which snapshot is meant, and what may not be restored."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.shared import snapshot_choice
from one_api_infra.shared.backup import Facts
from one_api_infra.shared.snapshot_choice import SavedSnapshot, choose
from tests.unit.examples import NOW, site

SAVED = [SavedSnapshot("/srv/b", f"{number:08x}", NOW + number, "ai") for number in range(1, 6)]
LATER = NOW + 60
HERE = site(version="v0.14.27").public()


def facts(**changed: str) -> Facts:
    known = {"edition": "one-hub", "version": "v0.14.27", "domain": HERE.domain}
    return Facts(NOW, "sqlite", rows={}, quota=0, counters={}, **(known | changed))


def test_latest_and_id() -> None:
    assert choose(SAVED, "latest", LATER) == SAVED[-1]
    assert choose(SAVED, "00000002", LATER) == SAVED[1]
    assert choose(SAVED, "000000ff", LATER) is None
    assert choose([], "latest", LATER) is None


def test_one_of_a_time_to_come_is_taken_by_its_id_alone() -> None:
    wrong = SavedSnapshot("/srv/b", "000000aa", NOW + 86400, "ai")
    assert choose([*SAVED, wrong], "latest", LATER) == SAVED[-1]
    assert choose([*SAVED, wrong], "000000aa", LATER) == wrong
    assert choose([wrong], "latest", LATER) == wrong  # all that there is
    assert snapshot_choice.to_come([*SAVED, wrong], LATER) == [wrong]
    assert snapshot_choice.to_come(SAVED, LATER) == []


@given(st.integers(-10, 20))
def test_the_newest_that_is_not_younger(after: int) -> None:
    at = datetime.datetime.fromtimestamp(NOW + after).isoformat()
    found = choose(SAVED, at, LATER)
    fit = [each for each in SAVED if each.taken <= NOW + after]
    assert found == (fit[-1] if fit else None)


@pytest.mark.parametrize("text", ["", "newest", "x" * 8, "2026-13-01", "latest; id", "-1", "$(id)"])
def test_what_is_no_choice(text: str) -> None:
    assert not snapshot_choice.is_choice(text)


@pytest.mark.parametrize(
    "changed",
    [
        {"domain": "other.example.com"}, {"edition": "new-api"}, {"version": "v0.14.28"},
        {"version": "v0.15.0"}, {"version": "v1"},
    ],
)  # fmt: skip
def test_refused(changed: dict[str, str]) -> None:
    words = snapshot_choice.refusal(facts(**changed), HERE)
    assert next(iter(changed.values())) in words


@pytest.mark.parametrize("version", ["v0.14.27", "v0.14.9", "v0.13.99"])
def test_an_older_schema_is_taken(version: str) -> None:
    assert snapshot_choice.refusal(facts(version=version), HERE) == ""
