"""What the checks want to know of the monitor, and what its last run knew; loads no checks."""

import json
from pathlib import Path
from typing import Any

from one_api_infra.server import notify
from one_api_infra.server.local import read_of, run
from one_api_infra.shared import foreign, paths, units
from one_api_infra.shared.server_observation import Monitor

USER = "one-api-monitor"
STATES = (Path(paths.MONITOR_STATE), Path(paths.MONITOR_STATE_IN_MEMORY))
MOST = 1024 * 1024  # bytes of its memory: messages wait in it
MOST_CHANNELS = 20


def observe() -> Monitor:
    """How it is."""
    known = state()
    failed = known["undelivered"] if isinstance(known["undelivered"], list) else []
    return Monitor(
        is_active=run("systemctl", "is-active", units.MONITOR_TIMER)[0] == 0,
        # What everybody may read on this server holds nothing but what is meant for it.
        ran=float(known["ran"]) if isinstance(known["ran"], int | float) else 0.0,
        channels=len(notify.channels()),
        is_watched=run("systemctl", "is-active", units.WATCHDOG_TIMER)[0] == 0,
        undelivered=tuple(foreign.text(each) for each in failed[:MOST_CHANNELS]),
    )


def state() -> dict[str, Any]:
    """What the last run knew; a file that cannot be read is as none."""
    try:
        return parse_state(_newest())
    except OSError:
        return parse_state("")


def parse_state(text: str) -> dict[str, Any]:
    """The state of a file's text; what is missing there, or no state at all, is as new."""
    fresh = {"memory": {}, "outbox": [], "undelivered": [], "ran": 0, "rooms": []}
    try:
        return fresh | dict(json.loads(text))
    except (ValueError, TypeError):
        return fresh


def _newest() -> str:
    """What was saved last: on the disk, or, while that is full, beside it."""
    there = [path for path in STATES if path.exists() and not path.is_symlink()]
    return read_of(USER, max(there, key=lambda path: path.stat().st_mtime, default=STATES[0]), MOST)
