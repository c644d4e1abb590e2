"""Frozen values as plain data and back, strictly: what is not as the types say is an error.

No library: cattrs makes a number of a text and a list of a word's letters, and what the server
itself needs while its virtual environment is broken has the standard library alone.
"""

import hashlib
import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


class PlainError(Exception):
    """Plain data that is not as the types say; the message has the place and what stands there."""


class ShapeError(PlainError):
    """Plain data of a program that knows other fields or types."""


def write(value: Any) -> str:
    """A dataclass as JSON, with the stamp of its shape."""
    return _object({"shape": shape(type(value)), **_plain(value)}, " ", _lines) + "\n"


def _lines(value: Any) -> str:
    """Of a mapping each entry on a line, as in the whole: `json`'s own indentation is slow."""
    is_many = isinstance(value, Mapping) and value
    return _object(value, "  ", _encode) if is_many else _encode(value)


def _object(data: Mapping[str, Any], indent: str, write: Callable[[Any], str]) -> str:
    lines = ",\n".join(f"{indent}{_encode(name)}: {write(data[name])}" for name in data)
    return f"{{\n{lines}\n{indent[1:]}}}"


def read(kind: type[T], text: str) -> T:
    """What ``write`` wrote; ShapeError for another version's, PlainError for anything else."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise PlainError(str(error)) from None
    if not isinstance(data, dict):
        raise PlainError(f"{kind.__name__}, not {type(data).__name__}")
    if data.pop("shape", "") != shape(kind):
        raise ShapeError(f"{kind.__name__} of another version")
    return parse(kind, data)


def parse(kind: type[T], data: object) -> T:
    """The dataclass that plain data describe; PlainError where they do not."""
    return typing.cast("T", _parse(kind, data, kind.__name__))


def shape(kind: Any) -> str:
    """A stamp of all names and types that belong to a dataclass."""
    return _stamp(kind)


@cache
def _stamp(kind: Any) -> str:
    return hashlib.sha256(_words(kind).encode()).hexdigest()[:12]


def _words(kind: Any) -> str:
    if is_dataclass(kind):
        hints: dict[str, Any] = _fields(typing.cast("Any", kind))
        return "{" + ",".join(f"{n}:{_words(k)}" for n, k in hints.items()) + "}"
    inner = ",".join(map(_words, typing.get_args(kind)))
    return f"{typing.get_origin(kind)}[{inner}]" if inner else getattr(kind, "__name__", str(kind))


@cache
def _fields(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.init}


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass' own fields; ``asdict`` copies all that is below them, too."""
    return {name: getattr(value, name) for name in _names(value.__class__)}


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _parse(kind: Any, data: Any, place: str) -> Any:
    if is_dataclass(kind):
        return _dataclass(kind, data, place)
    parser = ORIGINS.get(typing.get_origin(kind))
    if parser:
        return parser(typing.get_args(kind), data, place)
    is_number = kind is float and type(data) is int
    if type(data) is not kind and not is_number:
        raise PlainError(f"{place}: {kind.__name__}, not {type(data).__name__}")
    return float(data) if is_number else data


def _dataclass(kind: Any, data: Any, place: str) -> Any:
    hints = _fields(kind)
    if not isinstance(data, Mapping):
        raise PlainError(f"{place}: {kind.__name__}, not {type(data).__name__}")
    if odd := set(data) ^ set(hints):
        raise PlainError(f"{place}: {', '.join(sorted(map(str, odd)))}")
    return kind(**{name: _parse(hints[name], data[name], f"{place}.{name}") for name in hints})


def _tuple(kinds: tuple[Any, ...], data: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise PlainError(f"{place}: list, not {type(data).__name__}")
    each = kinds[0] if kinds[-1] is Ellipsis else None
    if each is None and len(data) != len(kinds):
        raise PlainError(f"{place}: {len(kinds)} values, not {len(data)}")
    return tuple(
        _parse(each or kinds[number], value, f"{place}[{number}]")
        for number, value in enumerate(data)
    )


def _mapping(kinds: tuple[Any, ...], data: Any, place: str) -> dict[Any, Any]:
    if not isinstance(data, Mapping):
        raise PlainError(f"{place}: mapping, not {type(data).__name__}")
    return {
        _parse(kinds[0], key, place): _parse(kinds[1], value, f"{place}.{key}")
        for key, value in data.items()
    }


def _union(kinds: tuple[Any, ...], data: Any, place: str) -> Any:
    words = []
    # A dataclass first: its fields are known, and a mapping of texts would take them as its own.
    for kind in sorted(kinds, key=lambda kind: not is_dataclass(kind)):
        try:
            return _parse(kind, data, place)
        except PlainError as error:
            words.append(str(error))
    raise PlainError(" / ".join(words))


_encode = json.JSONEncoder(default=_plain).encode

ORIGINS: Mapping[Any, Callable[[tuple[Any, ...], Any, str], Any]] = {
    tuple: _tuple,
    Mapping: _mapping,
    types.UnionType: _union,
    typing.Union: _union,
}
