"""Which file is being read, by each host's greenlet for itself: pyinfra keeps it once for all.

What a deploy includes is looked for beside that file. A host that has waited, for a look, for DNS
or a download, would go on beside another host's file, or beside none.
"""

from typing import Any

from gevent.local import local  # type: ignore[import-untyped]

NAME = "current_exec_filename"
_read = local()


def keep_apart() -> None:
    """Let each greenlet know its own; those that have not asked yet know what was known before."""
    from pyinfra.api import State  # noqa: PLC0415  # an inventory is read by others, too

    State.current_exec_filename = property(_known, _note)  # type: ignore[assignment]


def _known(state: Any) -> str | None:
    found: str | None = getattr(_read, "name", vars(state).get(NAME))
    return found


def _note(_state: Any, name: str | None) -> None:
    _read.name = name
