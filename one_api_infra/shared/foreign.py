"""Text of others (gateways, watched sites, strangers on the internet) before a person reads it.

Raw it would move a terminal's cursor, name its window, turn a line's direction, or be a link in a
mail of ours.
"""

import unicodedata

MOST = 200  # characters that are shown of it
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # Unicode's categories


def text(value: object) -> str:
    """One line of at most 200 characters, that moves nothing and links to nothing."""
    return _cut(line(value).replace("://", "[:]//"))


def line(value: object, most: int = MOST) -> str:
    """The same with its links: for what may be ours, and is to be copied."""
    found = str(value)[: most * 10]
    plain = "".join(" " if unicodedata.category(char) in HIDDEN else char for char in found)
    return _cut(" ".join(plain.split()), most)


def _cut(words: str, most: int = MOST) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def printable(value: str) -> str:
    """A text of ours with its lines as they are, without what moves a terminal."""
    return "".join(
        char for char in value if char in "\n\t" or unicodedata.category(char) not in HIDDEN
    )
