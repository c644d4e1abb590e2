"""The callback log's lines: every byte kept, none of them able to hurt."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.shared.callback import parse
from tests.unit.server.callbacks.lines import PATH, ROW, line


def test_body_and_answer_survive_any_bytes() -> None:
    body = bytes(range(256)) * 4
    found = parse(line(body=body, method="POST", answer=b"\xff\x00"))
    assert found
    assert (found.body, found.answer, found.body_is_whole) == (body, b"\xff\x00", True)
    assert found.row == ROW


def test_without_njs_the_number_of_bytes_serves() -> None:
    data = json.loads(line())
    del data["answer16"], data["body64"]
    raw = (
        json.dumps(data | {"body": "BODY", "size": "4"})
        .encode()
        .replace(b"BODY", b"\xb3\xe4\xd6\xb5")
    )
    found = parse(raw)
    assert found
    assert (found.answer, found.answer_bytes, found.body) == (None, 7, b"\xb3\xe4\xd6\xb5")


def test_body_that_was_too_large_is_not_whole() -> None:
    found = parse(line(size="70000", method="POST"))
    assert found
    assert not found.body_is_whole


def test_query_wins_over_form() -> None:
    form = {"type": "application/x-www-form-urlencoded", "method": "POST"}
    found = parse(line(f"{PATH}?a=1", b"a=2&b=3", **form))
    assert found
    assert found.parameters == {"a": "1", "b": "3"}


@given(st.binary())
def test_any_bytes_are_no_error(data: bytes) -> None:
    parse(data)


@given(
    st.dictionaries(
        st.sampled_from(list(json.loads(line()))), st.none() | st.integers() | st.text()
    )
)
def test_any_values_are_no_error(changed: dict[str, object]) -> None:
    parse(json.dumps(json.loads(line()) | changed).encode())


@pytest.mark.parametrize("before", [b'{"id":"0af', b'{"id":"0af","time":"2026-', b"\0\0\0\0"])
def test_a_line_behind_one_that_was_cut_off_is_read(before: bytes) -> None:
    whole = line().replace(b'{"id": "', b'{"id":"', 1)  # as nginx writes it
    assert parse(before + whole) == parse(whole)
    assert parse(before) is None
