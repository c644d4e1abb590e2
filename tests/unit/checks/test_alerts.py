"""Alerts: once for a fault, once for its end, seldom for one that flaps."""

from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.checks.alerts import Due, Known, Memory, decide
from one_api_infra.checks.verdict import Level, State, Verdict

QUIET = 3600.0
STEP = 180.0
OK, FAILED, WARNING, SKIPPED = State.OK, State.FAILED, State.WARNING, State.SKIPPED


def runs(*states: State, quiet: float = QUIET) -> list[Due]:
    """What each of many runs announces."""
    memory, made = Memory(), []
    for index, state in enumerate(states):
        verdicts = [Verdict("callback.answered", Level.HTTP, state, "cause", "remedy")]
        memory, due = decide(Memory.parse(memory.plain()), verdicts, 1e9 + index * STEP, quiet)
        made.append(due)
    return made


def told(*states: State, quiet: float = QUIET) -> str:
    """One letter a run: ``f`` a fault was announced, ``h`` a healing, ``.`` nothing."""
    return "".join("f" if due.faults else "h" if due.healed else "." for due in runs(*states))


def test_one_alert_and_one_all_clear() -> None:
    assert told(OK, FAILED, FAILED, FAILED, FAILED, OK, OK, OK) == "..f...h."


def test_first_alert_comes_with_the_second_run() -> None:
    assert STEP * 2 < 600
    assert told(FAILED, FAILED) == ".f"


def test_a_single_failure_is_nobodys_alarm() -> None:
    assert told(OK, FAILED, OK, FAILED, OK) == "....."


def test_skipped_is_as_it_was() -> None:
    assert told(FAILED, FAILED, SKIPPED, SKIPPED, FAILED, SKIPPED, OK, OK) == ".f.....h"


def test_a_warning_that_becomes_a_failure_is_told_and_not_back() -> None:
    assert told(WARNING, WARNING, FAILED, FAILED, WARNING, WARNING, OK, OK) == ".f.f...h"


def causes(*texts: str) -> list[str]:
    """What each run announces of a check that fails with these causes; empty: it is sound."""
    memory, made = Memory(), []
    for index, text in enumerate(texts):
        state = FAILED if text else OK
        verdicts = [Verdict("backup.is_recent", Level.HOST, state, text, "remedy")]
        memory, due = decide(Memory.parse(memory.plain()), verdicts, 1e9 + index * STEP, QUIET)
        made.append("".join(each.cause for each in due.faults) or "h" * bool(due.healed))
    return made


def test_another_cause_of_the_same_check_is_told_once() -> None:
    told_causes = [each for each in causes(*["A"] * 30, *["B"] * 30, *["A"] * 30, "", "") if each]
    assert told_causes == ["A", "B", "h"]


def test_figures_are_no_other_cause() -> None:
    assert [each for each in causes(*(f"{n} MiB" for n in range(60))) if each] == ["1 MiB"]


def test_a_clock_that_was_ahead_silences_nothing() -> None:
    verdicts = [Verdict("callback.answered", Level.HTTP, FAILED, "cause", "remedy")]
    ahead = Memory({"callback.answered": Known("ok", "ok", 2, 2e9)})
    memory, _due = decide(ahead, verdicts, 1e9, QUIET)
    assert decide(memory, verdicts, 1e9 + STEP, QUIET)[1].faults


def test_the_admins_choice_is_told_where_it_is_a_failure() -> None:
    for state, is_told in ((WARNING, False), (FAILED, True)):
        verdicts = [Verdict("backup.is_set", Level.HOST, state, "cause", "remedy")]
        memory, _due = decide(Memory(), verdicts, 1e9, QUIET)
        assert bool(decide(memory, verdicts, 1e9 + STEP, QUIET)[1].faults) is is_told


def test_flapping_is_heard_once_in_a_while() -> None:
    flap = [FAILED, FAILED, OK, OK] * 30  # six hours
    assert told(*flap).count("f") <= len(flap) * STEP / QUIET + 1


def test_a_fault_that_stays_after_flapping_is_told_when_the_quiet_is_over() -> None:
    states = [FAILED, FAILED, OK, OK, *[FAILED] * 30]
    assert told(*states).count("f") == 2


@given(st.lists(st.sampled_from([OK, FAILED, WARNING, SKIPPED]), max_size=200))
def test_all_clears_never_outnumber_alerts(states: list[State]) -> None:
    balance = 0
    for due in runs(*states):
        balance += bool(due.faults) - bool(due.healed)
        assert balance >= 0
        assert not (due.faults and due.healed)
