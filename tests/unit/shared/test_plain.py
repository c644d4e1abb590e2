"""Frozen values as plain data: whatever the types can hold comes back, and nothing else does."""

import collections.abc
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one_api_infra.checks.observation import Observation
from one_api_infra.shared import plain
from one_api_infra.shared.plain import PlainError, ShapeError
from one_api_infra.shared.server_observation import Mount, Server
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.state import State
from one_api_infra.shared.unobserved import Unobserved

KINDS = (Server, Observation, SiteFile, State)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
FEW = settings(max_examples=10)


@dataclass(frozen=True)
class Either:
    """A part whose own form would take the other's for its own."""

    part: Mapping[str, str] | Unobserved


def values(kind: type[Any]) -> st.SearchStrategy[Any]:
    """All that the types allow."""
    st.register_type_strategy(float, NUMBERS)
    st.register_type_strategy(
        collections.abc.Mapping,
        lambda each: st.dictionaries(*map(st.from_type, get_args(each)), max_size=3),
    )
    return st.from_type(kind)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values in plain data."""
    inner = data.items() if isinstance(data, dict) else enumerate(data)
    found = [(*path, key) for key, _value in inner]
    nested = data.items() if isinstance(data, dict) else enumerate(data)
    return found + [
        deeper
        for key, value in nested
        if isinstance(value, dict | list)
        for deeper in places(value, (*path, key))
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@FEW
@given(data=st.data())
def test_what_was_written_is_read(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(values(kind))
    assert plain.read(kind, plain.write(value)) == value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@FEW
@given(data=st.data())
def test_a_value_of_no_type_is_named(kind: type[Any], data: st.DataObject) -> None:
    written = json.loads(plain.write(data.draw(values(kind))))
    path = data.draw(st.sampled_from(places(written)))
    holder = written
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = {"\\": [None]}
    with pytest.raises(PlainError):
        plain.read(kind, json.dumps(written))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@FEW
@given(data=st.data())
def test_a_cut_file_is_no_value(kind: type[Any], data: st.DataObject) -> None:
    written = plain.write(data.draw(values(kind))).rstrip()
    cut = data.draw(st.integers(0, len(written) - 1))
    with pytest.raises(PlainError):
        plain.read(kind, written[:cut])


@pytest.mark.parametrize("text", ["[]", "1", '""', "null", "{}", '{"shape": 1}'])
def test_what_is_no_value(text: str) -> None:
    with pytest.raises(PlainError):
        plain.read(Mount, text)


def test_another_version_is_told_from_garbage() -> None:
    written = plain.write(Mount(1.0, 2.0, 3.0)).replace('"shape": "', '"shape": "0')
    with pytest.raises(ShapeError):
        plain.read(Mount, written)


def test_what_could_not_be_seen_is_no_mapping() -> None:
    assert plain.read(Either, plain.write(Either(Unobserved("x")))) == Either(Unobserved("x"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"free": "1", "size": 1, "inodes": 1}, "Mount.free: float, not str"),
        ({"free": True, "size": 1, "inodes": 1}, "Mount.free: float, not bool"),
        ({"free": 1, "size": 1}, "Mount: inodes"),
        ({"free": 1, "size": 1, "inodes": 1, "more": 1}, "Mount: more"),
    ],
)
def test_the_place_is_told(data: object, words: str) -> None:
    with pytest.raises(PlainError, match=words):
        plain.parse(Mount, data)
