"""Operations: read the snapshot, compare, and yield at most one command each.

What depends on the server is passed as a function of the snapshot and asked for when the
operation runs: a value read while the deploy file is read would be that of before the run.
"""

import base64
import shlex
import time
from collections.abc import Callable, Generator
from pathlib import Path

from pyinfra.api import FileUploadCommand, FunctionCommand, Host, State, StringCommand, operation
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.base import BaseConnector

from one_api_infra.checks import remedy
from one_api_infra.desired.resources import Directory, File
from one_api_infra.desired.snapshot import Snapshot, directory_state, file_state
from one_api_infra.remote import inventory, lock
from one_api_infra.remote.target import current_host, forget, gather
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem

Commands = Generator[PyinfraCommand, None, None]
Asked = Callable[[Snapshot], bool]

CONNECT_TRIES = 3
CONNECT_PAUSE = 5.0  # seconds; three tries fit into the roll-back's time
APT = "DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q"
# Nothing waits for the lock of the package lists but a loop: after a run that was killed, or
# while the system updates itself, somebody else holds it for a while.
UPDATE = f"for _try in 1 2 3 4 5 6 7 8 9; do {APT} update && break; sleep 10; done"
# Written beside its target with owner and mode set first, then renamed: never half, never at the
# wrong mode, and the content stands in no argument and no log. A folder in its place is set aside.
WRITE = (
    "umask 077 &&"
    " {{ [ -L {path} ] || [ ! -d {path} ] || mv -T {path} {path}.aside.$(date +%s); }} &&"
    " t=$(mktemp {temporary}) && {{ base64 -d >$t && chown {owner}:{group} $t &&"
    " chmod {mode} $t && mv -fT $t {path} || {{ rm -f $t; exit 1; }}; }}"
)


# One that was deleted comes back with the number that its files and processes still have.
USER_ADD = (
    "group=--user-group; ! getent group {user} >/dev/null || group='--gid '{user};"
    " number=; old=$(stat -c %u {home} 2>/dev/null || echo 0);"
    ' [ "$old" = 0 ] || getent passwd "$old" >/dev/null || number="--uid $old";'
    " useradd --system $group $number --no-create-home --shell /usr/sbin/nologin"
    " --home-dir {home} {user}"
)


@operation()
def file(file: File) -> Commands:
    """Write a file, atomically, if it is not as wanted."""
    if gather(probes=False).has_file(file):
        current_host().noop(file.path)
        return
    quoted = {name: shlex.quote(value) for name, value in _places(file).items()}
    yield from lock.held(current_host())
    yield StringCommand(WRITE.format(**quoted), _stdin=base64.encodebytes(file.data).decode())
    gather(probes=False).note(file.path, file_state(file))


def _places(file: File) -> dict[str, str]:
    parent, name = file.path.rsplit("/", 1)
    temporary = f"{parent}/.{name}.XXXXXXXX"
    places = {"path": file.path, "temporary": temporary, "mode": file.mode}
    return places | {"owner": file.owner, "group": file.group}


@operation()
def directory(directory: Directory) -> Commands:
    """Make a directory with owner and mode."""
    if gather(probes=False).has_directory(directory):
        current_host().noop(directory.path)
        return
    path, mode = shlex.quote(directory.path), shlex.quote(directory.mode)
    owner = shlex.quote(f"{directory.owner}:{directory.group}")
    yield from lock.held(current_host())
    yield StringCommand(f"mkdir -p {path} && chown {owner} {path} && chmod {mode} {path}")
    gather(probes=False).note(directory.path, directory_state(directory))


@operation()
def private(path: str) -> Commands:
    """Let a file that the server has made be root's alone; one that is not there stays so."""
    there = gather(probes=False).paths.get(path)
    if there is None or (there.owner, there.group, there.mode) == ("root", "root", "600"):
        current_host().noop(path)
        return
    yield from lock.held(current_host())
    yield StringCommand(f"chown root:root {shlex.quote(path)} && chmod 600 {shlex.quote(path)}")
    forget()


@operation()
def absent(path: str) -> Commands:
    """Remove a file or link."""
    if path not in gather(probes=False).paths:
        current_host().noop(path)
        return
    yield from lock.held(current_host())
    yield StringCommand(f"rm -f -- {shlex.quote(path)}")
    gather(probes=False).note(path, None)


@operation()
def user(user: str, home: str) -> Commands:
    """Make a system user without a shell or a password."""
    if user in gather(probes=False).users:
        current_host().noop(user)
        return
    yield from lock.held(current_host())
    yield StringCommand(USER_ADD.format(user=shlex.quote(user), home=shlex.quote(home)))
    forget()


@operation()
def packages(names: Callable[[Snapshot], tuple[str, ...]]) -> Commands:
    """Install Debian packages that are missing, without what they merely recommend."""
    missing = [name for name in names(gather()) if name not in gather().packages]
    if not missing:
        current_host().noop("all installed")
        return
    wanted = " ".join(map(shlex.quote, missing))
    # dpkg first: after a power cut it refuses everything until it has finished its work.
    finish = "dpkg --configure -a --force-confold;"
    yield from lock.held(current_host())
    yield StringCommand(f"{finish} {UPDATE} && {APT} install -y --no-install-recommends {wanted}")
    forget()


@operation()
def unit(unit: str, *, wanted: Asked | None = None, beside: tuple[str, ...] = ()) -> Commands:
    """Let a unit be enabled and run; ``wanted`` says whether it is to run on this server at all.

    systemd is told of changed unit files when it says that it needs to be; ``beside`` are units
    that this one starts, and whose files may have changed too.
    """
    snapshot = gather()
    steps = _steps(snapshot, unit)
    if any(snapshot.unit(name, "NeedDaemonReload") == "yes" for name in beside):
        steps.append("true")  # the reload itself is all they need
    if not steps or (wanted and not wanted(snapshot)):
        current_host().noop(unit)
        return
    yield from lock.held(current_host())
    yield StringCommand(" && ".join(["systemctl daemon-reload", *steps]))
    forget()


def _steps(snapshot: Snapshot, unit: str) -> list[str]:
    steps = []
    if snapshot.unit(unit, "LoadState") == "masked":
        steps.append(f"systemctl unmask --quiet {shlex.quote(unit)}")
        steps.append(f"systemctl unmask --quiet --runtime {shlex.quote(unit)}")
    if snapshot.unit(unit, "UnitFileState") not in {"enabled", "static", "alias", "generated"}:
        steps.append(f"systemctl enable --quiet {shlex.quote(unit)}")
    if not snapshot.is_active(unit) or snapshot.unit(unit, "NeedDaemonReload") == "yes":
        steps.append(f"systemctl restart {shlex.quote(unit)}")
    return steps


@operation()
def command(
    script: str,
    *,
    due: Asked,
    stdin: Callable[[Snapshot], str] | None = None,
    follows: tuple[str, ...] | None = None,
) -> Commands:
    """Run a shell command when it is due; afterwards everything is looked at anew.

    ``stdin`` goes to it as it is, and is shown nowhere. ``follows`` are the files that make it due
    when this run has written them; no other file matters to it, so that it needs no second look.
    """
    snapshot = gather(probes=follows is None)
    if not (snapshot.written.intersection(follows or ()) or due(snapshot)):
        current_host().noop("nothing to do")
        return
    yield from lock.held(current_host())
    yield StringCommand(script, _stdin=stdin(snapshot)) if stdin else StringCommand(script)
    forget()


@operation()
def upload(source: str, path: str, sha256: str, *, due: Asked, mode: str = "755") -> Commands:
    """Bring a large file to the server; it takes its place only if its sha256 is right."""
    if not due(gather()):
        current_host().noop(path)
        return
    arrival = f"/tmp/one-api-infra-{sha256}"  # noqa: S108  # checked by its hash before use
    yield from lock.held(current_host())
    yield FileUploadCommand(str(Path(source)), arrival)
    target, new = shlex.quote(path), shlex.quote(f"{path}.new")
    yield StringCommand(
        f"install -D -m {mode} {arrival} {new} && rm -f {arrival} &&"
        f" echo {sha256}'  '{new} | sha256sum --quiet -c - && mv -fT {new} {target}"
    )
    forget()


@operation()
def failure(
    problems: Callable[[Snapshot], tuple[Problem, ...]], waive: tuple[str, ...] = ()
) -> Commands:
    """Stop the run with messages that name cause and remedy; nothing happens without any.

    A problem whose id the inventory waives is shown all the same, and stops nothing.
    """
    found = problems(gather())
    for problem in found:
        is_waived = problem.path in waive
        shown = remedy.named(str(problem), inventory.in_use())
        text = _("waived: {problem}", problem=shown) if is_waived else shown
        current_host().log_styled(text, fg="yellow" if is_waived else "red")
    if all(problem.path in waive for problem in found):
        current_host().noop("nothing is wrong")
        return
    yield StringCommand("exit 1")


@operation()
def firewall(due: Asked, rules: Callable[[Snapshot], File], load: str, confirm: str) -> Commands:
    """Load firewall rules; they stay only if a new connection confirms them.

    The open connection proves nothing, since the rules let established ones live.
    """
    snapshot = gather()
    if not due(snapshot):
        current_host().noop("the rules are loaded")
        return
    encoded = base64.encodebytes(rules(snapshot).data).decode()
    yield from lock.held(current_host())
    yield StringCommand(load, _stdin=encoded)
    yield FunctionCommand(_confirm, (confirm,), {})
    forget()


def _confirm(state: State, host: Host, confirm: str) -> bool:
    """Run ``confirm`` over a connection of its own; the rules roll back if that cannot be."""
    try:
        connector = _connect(state, host)
    except ConnectError as error:
        message = _(
            "No new ssh connection is possible, so the firewall rolls back by itself: {error}",
            error=error,
        )
        host.log_styled(message, fg="red")
        return False
    sudo, password = host.data.get("_sudo", False), host.data.get("_sudo_password", "")
    try:
        command = StringCommand(confirm)
        done, output = connector.run_shell_command(
            command, False, False, _sudo=sudo, _sudo_password=password
        )
    finally:
        connector.disconnect()
        if client := getattr(connector, "client", None):
            client.close()
    if not done:
        host.log_styled(output.output, fg="red")
    return done


def _connect(state: State, host: Host) -> BaseConnector:
    """A new connection; sshd turns some away when many knock at once, so it is tried again."""
    connector = host.connector_cls(state, host)
    for _try in range(CONNECT_TRIES - 1):
        try:
            connector.connect()
        except ConnectError:
            time.sleep(CONNECT_PAUSE)
        else:
            return connector
    connector.connect()
    return connector
