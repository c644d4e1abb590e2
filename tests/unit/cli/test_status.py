"""What ``status`` tells, and what ``--fix`` does with it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.checks.verdict import Level, State, Verdict
from one_api_infra.cli import fixing
from one_api_infra.cli.status import _print, exit_code, summary, words

STATES = list(State)


def verdict(state: State, identity: str = "a.b", **values: str) -> Verdict:
    return Verdict(identity, Level.HOST, state, **values)


@pytest.mark.parametrize("states", list(itertools.product(STATES, repeat=2)))
def test_exit_code_is_that_of_the_worst(states: tuple[State, State]) -> None:
    worst = 2 if State.FAILED in states else 1 if State.WARNING in states else 0
    assert exit_code([verdict(state) for state in states]) == worst


def test_summary_begins_with_the_first_failure() -> None:
    found = [
        verdict(State.OK),
        verdict(State.FAILED, "dns.resolves", cause="no address", remedy="make one"),
        verdict(State.FAILED, "tls.trusted", cause="", remedy="x"),
    ]
    assert summary(found).splitlines() == [
        "ok 1, warning 0, failed 2, skipped 0",
        "Begin with dns.resolves: make one",
    ]
    assert summary(found[:1]) == "ok 1, warning 0, failed 0, skipped 0"


def test_what_was_seen_is_shown_as_it_is() -> None:
    shown = words(verdict(State.FAILED, cause="c", remedy="r", evidence="[red]x[/] [emerg] y"))
    assert r"\[red]x\[/] \[emerg] y" in shown


def test_an_address_is_no_picture(capsys: pytest.CaptureFixture[str]) -> None:
    found = verdict(State.FAILED, cause="c", remedy="r", evidence="fd18:198:18:1200::b:443 closed")
    _print("shop", [found], show_all=False)
    assert "1200::b:443" in capsys.readouterr().out


@given(
    st.lists(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(STATES)), max_size=5)),
    st.booleans(),
)
def test_each_fault_is_tried_once(looks: list[list[tuple[str, State]]], works: bool) -> None:
    views = [[verdict(state, name) for name, state in look] for look in looks]
    later = iter(views[1:])
    tried: list[str] = []

    def carry_out(each: Verdict) -> bool:
        assert each.state in {State.FAILED, State.WARNING}
        tried.append(each.id)
        return works

    found = fixing.one_by_one(views[0] if views else [], carry_out, lambda: next(later, []))
    assert len(tried) == len(set(tried))
    assert {each.id for each in found if fixing._is_open(each)} <= set(tried)
