"""When a release is worse than the one before."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.shared import upgrade_watch as watch
from one_api_infra.shared.upgrade_watch import Limits, Request, Traffic, Window

LIMITS = Limits(failures=5, slowdown=3)
QUIET = Traffic(0, 0, None, 0, 0)
LINE = '203.0.113.7 [28/Nov/2026:21:39:07 +0000] "POST /v1/chat/completions" 200 512 1.250 1.249 '
COUNTS = st.integers(0, 10_000)


def test_a_line_of_the_access_log_is_read() -> None:
    (found,) = watch.requests([f"{LINE}2026112821390712 0.120 1764365947.250"])
    assert found == Request(1764365947.25, 1.25, 200, 0.12)


def test_what_one_api_was_not_asked_has_no_delay() -> None:
    (found,) = watch.requests(['a [b] "GET /" 301 0 0.000 - - - 1764365947.250'])
    assert found.delay is None


@given(st.text())
def test_any_line_is_taken_or_left_out(line: str) -> None:
    assert len(list(watch.requests([line]))) <= 1
    assert len(list(watch.callbacks([line]))) <= 1


def test_a_callback_is_read() -> None:
    line = json.dumps({"at": 1764365947.25, "seconds": "0.010", "status": 502})
    (found,) = watch.callbacks([line])
    assert found == Request(1764365947.25, 0.01, 502)


def test_a_callback_that_sleeps_says_nothing() -> None:
    lines = [json.dumps({"at": 1.0, "seconds": 0, "status": each}) for each in (500, 502)]
    assert [each.status for each in watch.callbacks(lines, sleeps=True)] == [502]
    assert [each.status for each in watch.callbacks(lines)] == [500, 502]


def test_what_began_before_a_window_is_not_of_it() -> None:
    asked = [Request(100.5, 1.0, 200), Request(102.0, 1.0, 500), Request(103.5, 1.0, 500)]
    found = watch.traffic(asked, [], Window(100.0, 103.0))
    assert (found.requests, found.failed) == (1, 1)


@pytest.mark.parametrize(
    ("before", "after", "is_worse"),
    [
        (Traffic(100, 0, None, 0, 0), Traffic(100, 0, None, 0, 0), False),
        (Traffic(100, 0, None, 0, 0), Traffic(100, 5, None, 0, 0), False),
        (Traffic(100, 0, None, 0, 0), Traffic(100, 6, None, 0, 0), True),
        (Traffic(100, 30, None, 0, 0), Traffic(100, 33, None, 0, 0), False),
        (QUIET, Traffic(2, 2, None, 0, 0), False),
        (QUIET, Traffic(3, 3, None, 0, 0), True),
        (QUIET, Traffic(0, 0, None, 1, 1), False),
        (QUIET, Traffic(0, 0, None, 2, 2), True),
        (Traffic(0, 0, None, 4, 4), Traffic(0, 0, None, 4, 4), False),
        (Traffic(90, 0, 0.01, 0, 0), Traffic(90, 0, 0.1, 0, 0), False),
        (Traffic(90, 0, 0.5, 0, 0), Traffic(90, 0, 1.4, 0, 0), False),
        (Traffic(90, 0, 0.5, 0, 0), Traffic(90, 0, 1.6, 0, 0), True),
        (QUIET, Traffic(90, 0, 9.0, 0, 0), False),
    ],
)
def test_worse(before: Traffic, after: Traffic, is_worse: bool) -> None:
    assert bool(watch.worse(before, after, LIMITS)) is is_worse


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_same_is_never_worse(requests: int, failed: int, called: int, refused: int) -> None:
    same = Traffic(requests, min(failed, requests), 1.0, called, min(refused, called))
    assert not watch.worse(same, same, LIMITS)


def test_nine_of_ten_answers_begin_within_the_delay() -> None:
    asked = [Request(100.0, 0.0, 200, number / 100) for number in range(100)]
    assert watch.traffic(asked, [], Window(0, 200)).delay == 0.9
    assert watch.traffic(asked[:49], [], Window(0, 200)).delay is None
