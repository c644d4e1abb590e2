"""Messages to people: none is too long for a robot, none is lost, a dead channel is spared."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.shared import outbox
from one_api_infra.shared.outbox import Waiting

NOW = 1_700_000_000.0


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=3000),
                min_size=1, max_size=30))  # fmt: skip
def test_parts_are_short_and_hold_everything(lines: list[str]) -> None:
    body = "\n".join(lines)
    parts = [each["body"] for each in outbox.messages("t", body, [0], NOW)]
    assert all(len(part.encode()) <= outbox.LONGEST for part in parts)
    assert "".join(parts).replace("\n", "") == body.replace("\n", "")


def test_parts_are_numbered() -> None:
    found = outbox.messages("t", "\n".join("x" * 1000 for _n in range(3)), [0, 1], NOW)
    titles = [each["title"] for each in found if each["channel"] == 1]
    assert titles == ["t (1/3)", "t (2/3)", "t (3/3)"]


def test_it_is_tried_less_and_less_often() -> None:
    waiting, tries = Waiting("t", "b", 0, NOW), []
    for second in range(int(3 * outbox.DAILY)):
        if second % 20 == 0 and waiting.is_due(NOW + second):
            tries.append(second)
            waiting = waiting.failed(NOW + second)
    assert tries[:4] == [0, 20, 60, 140]
    assert len(tries) < 45  # a receiver beside a dead one hears it no more often


def test_a_clock_set_back_holds_nothing_up() -> None:
    assert Waiting("t", "b", 0, NOW, tries=9, tried=NOW + 86400).is_due(NOW)


def test_what_comes_late_says_of_when_it_is() -> None:
    waiting = Waiting("t", "b", 0, NOW)
    assert waiting.shown(NOW + 60) == "t"
    assert waiting.shown(NOW + 7200).startswith("t [")
    assert Waiting("t", "b", 0).shown(NOW) == "t"  # of before times were kept


@pytest.mark.parametrize(
    ("scheme", "status", "told", "refused"),
    [
        ("dingtalk", 200, {"errcode": 0, "errmsg": "ok"}, ""),
        ("dingtalk", 200, {"errcode": 310000, "errmsg": "keywords"}, "310000 keywords"),
        ("wecombot", 200, {"errcode": 45009}, "45009"),
        ("feishu", 200, {"code": 19021, "msg": "sign"}, "19021 sign"),
        ("feishu", 200, {"StatusCode": 0}, ""),
        ("json", 200, {"errcode": 7}, ""),
        ("json", 401, {}, "HTTP 401"),
        ("dingtalk", 200, [], ""),
    ],
)
def test_refusal(scheme: str, status: int, told: object, refused: str) -> None:
    assert outbox.refusal(scheme, status, json.dumps(told)) == refused


def test_newest_of_each_channel_are_kept() -> None:
    many = [Waiting("t", str(n), n % 2, NOW + n) for n in range(200)]
    found = outbox.kept(many)
    assert len(found) == 2 * outbox.KEPT
    assert {each.body for each in found} == {str(n) for n in range(100, 200)}
