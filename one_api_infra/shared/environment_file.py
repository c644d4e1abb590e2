"""A file that systemd reads as ``EnvironmentFile=``: what is written arrives as it was written.

The rules are those of systemd.exec(5) and of ``parse_env_file`` in systemd 252 and 257.
"""

import re
from collections.abc import Iterable
from typing import Any

MOST = 32 * 1024  # bytes of a value: Linux takes 128 KiB, systemd a line of 1 MiB
PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=?&()*!~^-]+")
QUOTED = re.compile(r'(["\\$`])')


def is_value(value: Any) -> bool:
    """Whether a process can have it: text without NUL, in UTF-8 as systemd takes it."""
    if not isinstance(value, str) or len(value) > MOST or "\0" in value:
        return False
    return not any(map(_is_no_character, value)) and len(value.encode()) <= MOST


def _is_no_character(letter: str) -> bool:
    """Surrogates and noncharacters: systemd rejects a file that holds one."""
    point = ord(letter)
    return 0xD800 <= point < 0xE000 or 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE


def text(variables: Iterable[tuple[str, str]]) -> str:
    """The lines of the file."""
    return "".join(f"{name}={quoted(value)}\n" for name, value in variables)


def values(text: str) -> dict[str, str]:
    """The variables of a file that ``text`` has written."""
    pairs = re.findall(r'^([A-Z_][A-Z0-9_]*)=("(?:\\.|[^"\\])*"|[^\n]*)$', text, re.M | re.S)
    return {name: _plain(value) for name, value in pairs}


def _plain(value: str) -> str:
    is_quoted = value.startswith('"')
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.S) if is_quoted else value


def quoted(value: str) -> str:
    """A value as it stands in the file, in quotes where it must be."""
    if PLAIN.fullmatch(value):
        return value
    return '"' + QUOTED.sub(r"\\\1", value) + '"'
