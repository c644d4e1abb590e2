"""A callback's line on a terminal."""

from dataclasses import replace
from datetime import UTC

import pytest

from one_api_infra.shared.callback_event import CallbackEvent, line

EVENT = CallbackEvent(
    id="c0ffee", at=1764365947.0, gateway="epay", number="T1", money="73.00", currency="CNY",
    is_genuine=True, is_paid=True, is_accepted=True, status=200, answer="success",
    milliseconds=12, client="203.0.113.7",
)  # fmt: skip


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (EVENT, "signature right, taken, 12 ms"),
        (replace(EVENT, is_paid=False), "signature right, not paid, taken"),
        (replace(EVENT, is_genuine=False), "signature WRONG"),
        (replace(EVENT, gateway=""), "no payment row of that name"),
        (
            replace(EVENT, is_accepted=False, status=502, answer=""),
            "signature right, NOT taken: HTTP 502, 12 ms",
        ),
    ],
)
def test_it_says_what_matters(event: CallbackEvent, words: str) -> None:
    assert words in line(event, UTC)


def test_it_says_when_and_for_how_much() -> None:
    assert line(EVENT, UTC).startswith("21:39:07  epay     T1 ")
    assert "73.00 CNY" in line(EVENT, UTC)
