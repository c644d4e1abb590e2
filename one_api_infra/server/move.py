"""Handing the site on to another server, as the old one does it.

First a copy while everything serves; then the switch: nginx hands new requests to a gate that is
still closed, so that they wait; the last changes are brought over, One API starts there, and the
gate opens. What was begun here ends here: One API stays until its last stream has ended, and what
it has written meanwhile is merged there. Whatever fails before the gate opens, all is as before.
"""

import contextlib
import json
import shlex
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from one_api_infra.server import load, move_changes, nginx, upgrade
from one_api_infra.server.local import CommandError, must, run, site, write
from one_api_infra.shared import database, nginx_release, paths, plain, units
from one_api_infra.shared.backup import DATABASE_FILE
from one_api_infra.shared.move import Moved, Target
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.texts import _

USER = "one-api"
# What goes along beside the database; what is not there is left out.
GOES_ALONG = (
    *(paths.GENERATED, paths.ROOT_PASSWORD, paths.ACCESS_TOKEN),
    *(paths.LETSENCRYPT, paths.FORMER, f"{paths.ONE_API}/releases"),
)
GOES_LAST = (paths.CALLBACKS, str(Path(paths.CALLBACK_LOG).parent))
# In this order: those who would start the others first.
WATCHERS = (
    *(units.WATCHDOG_TIMER, units.MONITOR_TIMER, units.CALLBACKS_TIMER, units.CALLBACKS),
    *(*units.CERTIFICATE_TIMERS, units.FORMER_DOMAINS_TIMER),
    *(*units.BACKUP_STARTERS, *reversed(units.STREAM_STARTERS)),
    *(units.BACKUP, units.JOURNAL),
)
CHANGES = f"{paths.DUMP}/changes.db"
CONTROL = "/run/one-api-move.%C"
START_SECONDS = 3.0  # that One API needs at least
WAIT_SECONDS = 20.0  # One API's writers give up after thirty
VANISHED = 24  # rsync: a file was gone when its turn came, such as SQLite's log
COPY_SECONDS = 12 * 3600.0
SETTLE_SECONDS = 3.0  # One API books a stream's price after its end
LOOPBACK = {"127.0.0.1", "::1", "localhost", ""}


def copy() -> None:
    """Bring all there while everything serves; the switch then brings only what has changed."""
    _must_fit()
    _there(f"greet {target().comes_from}")
    if is_sqlite():
        must("install", "-d", "-o", USER, "-g", USER, "-m", "700", paths.DUMP)
        _as_one_api("dump")
        _send(f"{paths.DUMP}/{DATABASE_FILE}", seconds=COPY_SECONDS)
    _send(*GOES_ALONG, *GOES_LAST, seconds=COPY_SECONDS)
    _there("place", COPY_SECONDS)


def is_sqlite() -> bool:
    """Whether the database is a file here, and so goes along."""
    return not load.url()


def _must_fit() -> None:
    """CommandError for a database server on this host: nobody there could reach it."""
    if not is_sqlite() and database.parse(load.url()).host in LOOPBACK:
        raise CommandError(
            _(
                "`database_url` names a server on this host: the other one cannot reach it.\n"
                "Remedy: bring the database to a server that both reach, or `one-api-infra rebuild`"
                " the new host from the backup."
            )
        )


def switch() -> None:
    """Let new requests go to the new server; see the module."""
    upgrade.must_have_ended()
    settle()
    if moved():
        return
    release = Path(paths.CURRENT).readlink().name
    _there(f"ready {release}")
    _must_answer()
    configuration = json.loads(Path(paths.MOVE_NGINX).read_text())
    nginx.test(configuration)
    write(paths.MOVE_BEGUN, json.dumps(_served()))
    must("systemctl", "enable", "--quiet", units.MOVE_SETTLE)
    for unit in WATCHERS:
        run("systemctl", "stop", unit)
    _close()
    try:
        nginx.let_serve(configuration, staged=False)
        began = time.monotonic()
        _bring_last(release, time.monotonic() + WAIT_SECONDS)
    except BaseException:
        settle()
        raise
    waited = round(time.monotonic() - began, 2)
    write(paths.MOVED, plain.write(Moved(target().address, time.time(), waited)))
    _complete()
    print(_("Requests waited for {seconds} s.", seconds=waited), flush=True)


def _complete() -> None:
    """The site is there: let in who waits, and let a reboot change nothing of that."""
    _open(f"{_literal(target().address)}:443")
    must("systemctl", "enable", "--quiet", units.GATE_SOCKET, units.MOVE_DRAIN)
    for unit in (*WATCHERS, units.ONE_API, units.MOVE_SETTLE):
        run("systemctl", "disable", "--quiet", unit)
    must("systemctl", "start", "--no-block", units.MOVE_DRAIN)
    Path(paths.MOVE_BEGUN).unlink()


def _must_answer() -> None:
    """CommandError unless the new server's nginx answers this one by the domain's certificate."""
    current, there = site(), target().address
    roots = paths.TRUSTED_CA if current.trusted_ca_file else None
    context = ssl.create_default_context(cafile=roots)
    try:
        with (
            socket.create_connection((there, 443), WAIT_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=current.domain),
        ):
            return
    except OSError as error:
        raise CommandError(
            _(
                "{address} does not answer for {domain} on port 443: {error}.\n"
                "Remedy: open the port in its provider's firewall, and bring a certificate that"
                " is not certbot's there.",
                address=there,
                domain=current.domain,
                error=error,
            )
        ) from None


def _served() -> dict[str, Any]:
    """nginx' configuration as it is, so that it can be served again."""
    brought = nginx.brought()
    return {**brought, "release": nginx_release.name(brought["parts"])}


def settle() -> None:
    """Take back a switch that was cut off; one that was past the point of return is ended."""
    if not Path(paths.MOVE_BEGUN).exists():
        return
    if moved():
        _complete()
        return
    run("systemctl", "reset-failed", units.GATE)
    nginx.let_serve(json.loads(Path(paths.MOVE_BEGUN).read_text()), staged=False)
    _open("127.0.0.1:443")
    if is_sqlite():
        _as_one_api("move-let-go")
    with contextlib.suppress(CommandError):
        _there("stop")
    for unit in reversed(WATCHERS):
        if unit.endswith((".timer", ".path")) or unit in units.STREAM_STARTERS:
            run("systemctl", "start", unit)
    run("systemctl", "disable", "--quiet", units.MOVE_SETTLE)
    Path(paths.MOVE_BEGUN).unlink()


def _close() -> None:
    """Let whoever comes to the gate wait."""
    Path(paths.MOVE_GATE).unlink(missing_ok=True)
    must("systemctl", "daemon-reload")
    run("systemctl", "stop", units.GATE)
    must("systemctl", "start", units.GATE_SOCKET)


def _open(where: str) -> None:
    write(paths.MOVE_GATE, f"{where}\n", 0o644)


def _literal(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _start_there(release: str, until: float) -> None:
    """One API's start there; not in the last moment, since nobody would wait for its end."""
    left = until - time.monotonic()
    if left < START_SECONDS:
        raise CommandError(_("what changed since the copy took too long to send"))
    _there(f"start {release}", left)


def _bring_last(release: str, until: float) -> None:
    """What has changed since the copy, and One API's start there."""
    if not is_sqlite():
        _send(*GOES_ALONG, *GOES_LAST)
        _start_there(release, until)
        return
    with _held() as go_on:
        _send(paths.DATABASE, *GOES_ALONG, *GOES_LAST)
        _start_there(release, until)
        go_on()


@contextlib.contextmanager
def _held() -> Iterator[Any]:
    """Nobody writes to SQLite meanwhile; the call of what is given lets them, and notes it."""
    command = ["runuser", "-u", USER, "--", *shlex.split(paths.agent("move-hold"))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
    ) as process:

        def go_on() -> None:
            process.communicate(f"{move_changes.NOTE}\n")
            if process.returncode:
                raise CommandError(_("One API's database did not take the move's triggers"))

        if process.stdout is None or process.stdout.readline().strip() != move_changes.HELD:
            raise CommandError(_("One API's database could not be held: somebody writes to it"))
        yield go_on


def drain() -> None:
    """Wait until all that was begun here has ended, and let the new server have it; once."""
    mark = moved()
    if mark is None or mark.ended:
        return
    while streams():
        time.sleep(1)
    time.sleep(SETTLE_SECONDS)
    must("systemctl", "stop", units.ONE_API)
    if is_sqlite():
        _as_one_api("move-changes", CHANGES)
        _send(CHANGES)
    told = _there("merge", COPY_SECONDS).splitlines()
    write(paths.MOVED, plain.write(replace(mark, ended=time.time(), told=tuple(told))))
    run("systemctl", "disable", "--quiet", units.MOVE_DRAIN)


def streams() -> int:
    """How many connections One API serves here."""
    port = f"( sport = :{site().one_api_port} )"
    return len(must("ss", "-Htn", "state", "established", port).splitlines())


def finish() -> None:
    """The last word of the old server: callbacks that it could not hand on go to the other."""
    mark = moved()
    if mark is None:
        raise CommandError(_("this server has not been left by its site"))
    path = Path(paths.MOVE, "callbacks.jsonl")
    path.write_text("".join(_unanswered(mark.at)))
    _send(str(path))
    _there("finish")


def _unanswered(since: float) -> Iterator[str]:
    """Lines of the callback log that nobody has answered, as the journal of payments has them."""
    import base64  # noqa: PLC0415

    from one_api_infra.server.callbacks import log  # noqa: PLC0415

    # Those too that stand in a file that was rotated since.
    found = (lines for lines, _place in log.batches(Path(paths.CALLBACK_LOG), log.Place()))
    for line in (line for lines in found for line in lines):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            if entry["at"] >= since and entry["status"] >= 499:
                yield json.dumps({"callback": base64.b64encode(line).decode()}) + "\n"


def moved() -> Moved | None:
    """Where the site has gone, if it has."""
    try:
        return plain.read(Moved, Path(paths.MOVED).read_text())
    except (OSError, PlainError):
        return None


def show() -> None:
    """Print what is known of the move, for the admin's machine."""
    print(Path(paths.MOVED).read_text() if moved() else "{}")


def target() -> Target:
    """Where it goes."""
    return plain.read(Target, Path(paths.MOVE_TARGET).read_text())


def _as_one_api(*command: str) -> None:
    must("runuser", "-u", USER, "--", *shlex.split(paths.agent(shlex.join(command))))


def _ssh() -> list[str]:
    there = target()
    known = Path(paths.MOVE, "known_hosts")
    name = there.address if there.ssh_port == 22 else f"[{there.address}]:{there.ssh_port}"
    write(known, f"{name} {there.host_key}\n")
    options = {
        "IdentityFile": paths.MOVE_KEY, "IdentitiesOnly": "yes", "BatchMode": "yes",
        "UserKnownHostsFile": str(known), "StrictHostKeyChecking": "yes",
        "HostKeyAlgorithms": there.host_key.split()[0].replace("ssh-rsa", "rsa-sha2-512"),
        "Port": str(there.ssh_port), "ConnectTimeout": "10", "ServerAliveInterval": "5",
        "ControlMaster": "auto", "ControlPath": CONTROL, "ControlPersist": "60",
    }  # fmt: skip
    return ["ssh", "-F", "none", *(word for key, value in options.items()
                                   for word in ("-o", f"{key}={value}"))]  # fmt: skip


def _send(*sources: str, seconds: float = WAIT_SECONDS) -> None:
    """Bring files or folders to the same paths below the other's ``MOVE_TREE``."""
    there = [path for path in sources if Path(path).exists()]
    options = ["--archive", "--inplace", "--relative", "--delete", "--exclude=access.log*"]
    rsh = f"--rsh={shlex.join(_ssh())}"
    _run(["rsync", *options, rsh, *there, f"root@{_literal(target().address)}:tree/"], seconds,
         (0, VANISHED) if seconds == COPY_SECONDS else (0,))  # fmt: skip


def _there(verb: str, seconds: float = WAIT_SECONDS) -> str:
    """Let the other server do something; what it says."""
    return _run([*_ssh(), f"root@{target().address}", verb], seconds)


def _run(command: list[str], seconds: float, fine: tuple[int, ...] = (0,)) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False,
            stdin=subprocess.DEVNULL, timeout=max(seconds, 0.1),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        words = _("no answer within {seconds:.0f} s", seconds=seconds)
        raise CommandError(f"{target().address}: {words}") from None
    if done.returncode not in fine:
        raise CommandError(f"{target().address}: {(done.stderr or done.stdout).strip()[-800:]}")
    print(done.stderr, end="", file=sys.stderr)
    return done.stdout
