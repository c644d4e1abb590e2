"""What stands in a dump of PostgreSQL or MySQL, counted row by row as text.

The forms are those of ``pg_dump --format=plain`` and ``mariadb-dump --complete-insert
--skip-extended-insert``: a row a line.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

COPY = re.compile(r"COPY (?:\w+\.)?\"?(\w+)\"? \((.*)\) FROM stdin;")
INSERT = re.compile(r"INSERT INTO `(\w+)` \((.*?)\) VALUES \((.*)\);")
VALUE = re.compile(r"'(?:[^'\\]|\\.|'')*'|[^,]+")
# The last words of both programs: a dump without them was cut off.
ENDS = ("-- PostgreSQL database dump complete", "-- Dump completed")


@dataclass
class Content:
    """Counts of rows by table, the sum of all users' quota, and whether the dump is whole."""

    rows: Counter[str] = field(default_factory=Counter)
    quota: int = 0
    is_whole: bool = False


def read(lines: Iterable[str]) -> Content:
    """The content of a dump; memory does not grow with it."""
    found, table, names = Content(), "", list[str]()
    for line in lines:
        if table:
            if line == "\\.\n":
                table = ""
            else:
                _add(found, table, names, line.rstrip("\n").split("\t"))
        elif match := COPY.match(line):
            table, names = match[1], _names(match[2])
            found.rows[table] += 0
        elif match := INSERT.match(line):
            _add(found, match[1], _names(match[2]), VALUE.findall(match[3]))
        elif line.startswith(ENDS):
            found.is_whole = True
    return found


def _names(text: str) -> list[str]:
    return [name.strip().strip('"`') for name in text.split(",")]


def _add(found: Content, table: str, names: list[str], values: list[str]) -> None:
    found.rows[table] += 1
    if table == "users" and "quota" in names:
        value = values[names.index("quota")].strip()
        found.quota += int(value) if value.lstrip("-").isdigit() else 0
