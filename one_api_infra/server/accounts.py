"""Users of the system: ending one with all that it runs."""

import contextlib
import os
import pwd
import signal
from pathlib import Path

from one_api_infra.server.local import run


def end(user: str) -> None:
    """Remove a user; its connections and programs end."""
    end_connections(user)
    run("userdel", "--force", user)


def end_connections(user: str) -> None:
    """Kill all that runs as a user."""
    with contextlib.suppress(KeyError):
        _kill_all_of(pwd.getpwnam(user).pw_uid)


def _kill_all_of(number: int) -> None:
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if path.stat().st_uid == number:
                os.kill(int(path.name), signal.SIGKILL)
