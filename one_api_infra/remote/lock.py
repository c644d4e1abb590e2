"""One run at a time changes a server: two admins at once left a site without TLS.

The lock is held by a program on the server that reads from this run's connection: it goes with
the connection, whatever becomes of the run, or a minute after the run has fallen silent.
"""

import getpass
import os
import secrets
import shlex
import socket
import time
from collections.abc import Generator
from typing import Any
from weakref import WeakKeyDictionary

import gevent  # type: ignore[import-untyped]
from pyinfra.api import FunctionCommand, Host, State, StringCommand
from pyinfra.api.command import PyinfraCommand

from one_api_infra.shared.texts import _

FORCE = "ONE_API_INFRA_FORCE"
SIGN_SECONDS, SILENT_SECONDS, WAIT_SECONDS = 15, 60, 3
# Everybody may open it, so that root and a user with sudo meet; nothing but names is in it.
LOCK = "/run/lock/one-api-infra-deploy"
HOLD = f"""
[ -e {LOCK} ] || (umask 111; : >{LOCK}) 2>/dev/null
exec 9<{LOCK} || exit 1
if flock -w {WAIT_SECONDS} 9 || [ -n "$2" ]; then
    printf '%s\\n' "$1" | dd of={LOCK} conv=nocreat status=none
    while read -r -t {SILENT_SECONDS} _; do :; done
fi
"""
# What waits until the lock is this run's: it is asked for beside the first command, so that it
# takes no round trip. It is one between admins: whoever may write there may hold it, too.
WAIT = f"""\
lock_tries=0
until grep -qxF {{me}} {LOCK} 2>/dev/null; do
    lock_tries=$((lock_tries + 1))
    if [ "$lock_tries" -gt {(WAIT_SECONDS + 2) * 50} ]; then
        who=$(head -c 200 {LOCK} | tr -cd '[:print:]')
        printf '%s%s%s\\n' {{before}} "$who" {{after}} >&2
        exit 1
    fi
    sleep 0.02
done
"""
_held: WeakKeyDictionary[Host, tuple[Any, ...]] = WeakKeyDictionary()


def first(host: Host, command: str) -> Generator[PyinfraCommand, None, str]:
    """Ask for the lock before the first change of a run; the command, which waits for it then."""
    if host in _held or not getattr(host.connector, "client", None):
        return command
    me = _me()
    yield FunctionCommand(_hold, (me,), {})
    return wait(me) + command


def held(host: Host) -> Generator[PyinfraCommand, None, None]:
    """Take the lock before a first change that is no command."""
    if waits := (yield from first(host, "")):
        yield StringCommand(waits)


def is_held(host: Host) -> bool:
    """Whether this run has changed the host."""
    return host in _held


def wait(me: str) -> str:
    """The script that waits for the lock, or ends and says whose it is."""
    text = _(
        "another run changes this server: {who}. Nothing was changed.\n"
        "Remedy: wait for its end; if it hangs, run again with {force}=1 in the environment.",
        who="\0",
        force=FORCE,
    )
    before, after = map(shlex.quote, text.split("\0"))
    return WAIT.format(me=shlex.quote(me), before=before, after=after)


def _hold(state: State, host: Host, me: str) -> None:  # pyinfra passes the first two by name
    words = ["bash", "-c", HOLD, "one-api-infra", me, os.environ.get(FORCE, "")]
    channel = host.connector.client.exec_command(shlex.join(words))  # type: ignore[attr-defined]
    _held[host] = channel
    gevent.spawn(_live, channel[0])


def _me() -> str:
    """Who, from where, since when, for whoever finds the lock taken; and a mark of this run's."""
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's, of which nobody knows the name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}, {since} ({secrets.token_hex(4)})"


def _live(stdin: Any) -> None:
    """Give a sign of life until the connection is gone."""
    while not stdin.channel.closed:
        try:
            stdin.write("\n")
            stdin.flush()
        except OSError:
            return
        gevent.sleep(SIGN_SECONDS)
