"""One run at a time changes a server: two admins at once left a site without TLS.

The lock is held by a program on the server that reads from this run's connection: it goes with
the connection, whatever becomes of the run, or a minute after the run has fallen silent.
"""

import getpass
import os
import shlex
import socket
import time
from collections.abc import Generator
from typing import Any
from weakref import WeakKeyDictionary

import gevent  # type: ignore[import-untyped]
from pyinfra.api import FunctionCommand, Host, State
from pyinfra.api.command import PyinfraCommand

from one_api_infra.shared.texts import _

FORCE = "ONE_API_INFRA_FORCE"
SIGN_SECONDS, SILENT_SECONDS = 15, 60
# Everybody may open it, so that root and a user with sudo meet; nothing but names is in it.
LOCK = "/run/lock/one-api-infra-deploy"
HOLD = f"""
[ -e {LOCK} ] || (umask 111; : >{LOCK}) 2>/dev/null
exec 9<{LOCK} || exit 1
if flock -w 3 9 || [ -n "$2" ]; then
    printf '%s\\n' "$1" | dd of={LOCK} conv=nocreat status=none
    echo held
    while read -r -t {SILENT_SECONDS} _; do :; done
else
    cat {LOCK}
fi
"""
_held: WeakKeyDictionary[Host, tuple[Any, ...]] = WeakKeyDictionary()


def held(host: Host) -> Generator[PyinfraCommand, None, None]:
    """Take the lock before the first change of a run."""
    if host not in _held and getattr(host.connector, "client", None):
        yield FunctionCommand(_hold, (), {})


def is_held(host: Host) -> bool:
    """Whether this run has changed the host."""
    return host in _held


def _hold(state: State, host: Host) -> bool:  # pyinfra passes them by these names
    words = ["bash", "-c", HOLD, "one-api-infra", _me(), os.environ.get(FORCE, "")]
    channel = host.connector.client.exec_command(shlex.join(words))  # type: ignore[attr-defined]
    answer = channel[1].readline().strip()
    if answer != "held":
        text = _(
            "another run changes this server: {who}. Nothing was changed.\n"
            "Remedy: wait for its end; if it hangs, run again with {force}=1 in the environment.",
            who=answer,
            force=FORCE,
        )
        host.log_styled(text, fg="red")
        return False
    _held[host] = channel
    gevent.spawn(_live, channel[0])
    return True


def _me() -> str:
    """Who, from where, since when: for whoever finds the lock taken."""
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return f"{getpass.getuser()}@{socket.gethostname()}, {since}"


def _live(stdin: Any) -> None:
    """Give a sign of life until the connection is gone."""
    while not stdin.channel.closed:
        try:
            stdin.write("\n")
            stdin.flush()
        except OSError:
            return
        gevent.sleep(SIGN_SECONDS)
