"""Operations: read the snapshot, compare (``desired/changes.py``), and yield at most one command.

What depends on the server is passed as a function of the snapshot and asked for when the
operation runs: a value read while the deploy file is read would be that of before the run.
"""

import base64
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

from pyinfra.api import FileUploadCommand, FunctionCommand, Host, State, StringCommand, operation
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.base import BaseConnector

from one_api_infra.checks import remedy
from one_api_infra.desired import changes
from one_api_infra.desired.artifact import Artifact
from one_api_infra.desired.changes import Change
from one_api_infra.desired.resources import Directory, File
from one_api_infra.desired.snapshot import READ_BY_STATE, PathState, Snapshot, path_state
from one_api_infra.remote import inventory, lock, timeline
from one_api_infra.remote.snapshot import AskingCommand, forget, gather
from one_api_infra.remote.target import current_host
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem, ValidationError

Commands = Generator[PyinfraCommand, None, None]
Asked = Callable[[Snapshot], bool]

_begun: WeakKeyDictionary[Host, set[str]] = WeakKeyDictionary()
CONNECT_TRIES = 3
CONNECT_PAUSE = 5.0  # seconds; three tries fit into the roll-back's time


def _carry_out(
    change: Change | None, name: str, kind: Callable[..., StringCommand] = StringCommand
) -> Commands:
    """Yield a change, or say that there is none."""
    if change is None:
        current_host().noop(name)
        return
    command = yield from lock.first(current_host(), change.command)
    yield _string(replace(change, command=command), kind)


def _string(change: Change, kind: Callable[..., StringCommand] = StringCommand) -> StringCommand:
    if change.stdin is None:
        return kind(change.command)
    return kind(change.command, _stdin=change.stdin)


@operation()
def files(
    *,
    directories: Iterable[Directory] = (),
    files: Iterable[File] = (),
    absent: Iterable[str] = (),
) -> Commands:
    """Make folders, write files, each atomically, and remove paths, by one command.

    Where the agent on the server would now tell something else, it is asked on the way.
    """
    snapshot = gather(probes=False)
    due = changes.differing(snapshot, directories, files, absent)
    for path, wanted in due.items():  # first: a plan ends at the first command
        current_host().log(f"~ {path}" if wanted else f"- {path}")
    if due.keys() & READ_BY_STATE:
        yield from _carry_out(changes.files(due), "", AskingCommand)
        return
    yield from _carry_out(changes.files(due), "all as wanted")
    for path, wanted in due.items():
        snapshot.note(path, path_state(wanted) if wanted else None)


@operation()
def together() -> Commands:
    """Let no host go on before all that do this have come here.

    pyinfra orders the operations of two hosts by those alone that both have. What the others did
    may have changed this one: it is looked at anew.
    """
    forget()
    current_host().noop("all are here")
    yield from ()


@operation()
def private(paths: tuple[str, ...]) -> Commands:
    """Let files that the server has made be root's alone; one that is not there stays so."""
    change = changes.private(gather(probes=False), paths)
    yield from _carry_out(change, "they are")
    if change:
        forget()


@operation()
def user(user: str, home: str) -> Commands:
    """Make a system user without a shell or a password."""
    change = changes.user(gather(probes=False), user, home)
    yield from _carry_out(change, user)
    if change:
        gather(probes=False).users[user] = (user,)


@operation()
def begun(unit: str, *, script: Callable[[Snapshot], str], due: Asked) -> Commands:
    """Begin in a transient unit what takes long; see ``ended``.

    One that has failed in a run that was cut off is forgotten, also where nothing is due any more.
    """
    snapshot = gather()
    is_due = due(snapshot)
    change = Change(script(snapshot)) if is_due else changes.forgotten(snapshot, unit)
    yield from _carry_out(change, unit)
    if is_due:
        snapshot.note_unit(unit)
        _begun.setdefault(current_host(), set()).add(unit)


@operation()
def ended(unit: str, *, script: str) -> Commands:
    """Wait for what was begun, in this run or in one that was cut off."""
    is_begun = unit in _begun.get(current_host(), ()) or gather(probes=False).is_active(unit)
    change = Change(script) if is_begun else None
    yield from _carry_out(change, unit)
    if change:
        forget()
        steps = gather().probes.get(unit, ())
        timeline.beside(current_host(), steps, until=time.monotonic())


@operation()
def packages(names: Callable[[Snapshot], tuple[str, ...]]) -> Commands:
    """Install Debian packages that are missing, without what they merely recommend."""
    snapshot = gather()
    change = changes.packages(snapshot, names(snapshot))
    yield from _carry_out(change, "all installed")
    if change:
        forget()


@operation()
def unit(unit: str, *, wanted: Asked | None = None, beside: tuple[str, ...] = ()) -> Commands:
    """Let a unit be enabled and run; ``wanted`` says whether it is to run on this server at all."""
    snapshot = gather(probes=False)
    is_wanted = wanted is None or wanted(snapshot)
    change = changes.unit(snapshot, unit, beside) if is_wanted else None
    yield from _carry_out(change, unit)
    if change:
        snapshot.note_unit(unit)


@operation()
def units(units: tuple[str, ...]) -> Commands:
    """Let units be enabled and run."""
    snapshot = gather(probes=False)
    due = {each: change for each in units if (change := changes.unit(snapshot, each))}
    script = " && ".join(change.command for change in due.values())
    yield from _carry_out(Change(script) if due else None, "all run")
    for each in due:
        snapshot.note_unit(each)


@operation()
def command(  # noqa: PLR0913  # one a kind of need
    script: str,
    *,
    due: Asked,
    stdin: Callable[[Snapshot], str] | None = None,
    follows: tuple[str, ...] | None = None,
    keeps_files: bool = False,
    stays_due: bool = False,
    is_asked: bool = True,
    asks: Asked | None = None,
    writes: bool = False,
    starts: str = "",
) -> Commands:
    """Run a shell command when it is due; afterwards everything is looked at anew.

    ``stdin`` goes to it as it is, and is shown nowhere. ``follows`` are the files that make it due
    when this run has written them; no other file matters to it, so that it needs no second look.
    ``keeps_files``: it changes no file, user or unit that another operation compares, so that the
    next look can wait for one that asks a probe. ``stays_due``: nothing else does what it does, so
    that no look is needed where it was due before. ``is_asked``: another operation asks for what
    it changes, so that it is to be looked at again. ``asks``: the next operation would look again,
    so that this command does on its way; ``writes``: not probes alone see what it changes.
    ``starts``: a unit that runs afterwards, for operations that ask for nothing else.
    """
    snapshot = gather(probes=False)
    if not (stays_due and due(snapshot)):
        snapshot = gather(files=follows is None)
    is_due = snapshot.written.intersection(follows or ()) or due(snapshot)
    change = Change(script, stdin(snapshot) if stdin else None) if is_due else None
    if change and asks and asks(snapshot):
        yield from _carry_out(change, "", partial(AskingCommand, probes=not writes))
        return
    yield from _carry_out(change, "nothing to do")
    if change and keeps_files:
        snapshot.is_stale |= is_asked
        snapshot.note_running(starts)
    elif change:
        forget()


@operation()
def removal(script: str, *, due: Asked) -> Commands:
    """Remove what is no longer wanted, where a path or user says that it is there."""
    change = Change(script) if due(gather(probes=False)) else None
    yield from _carry_out(change, "nothing is left")
    if change:
        forget()


@operation()
def upload(source: str, path: str, sha256: str, *, due: Asked, mode: str = "755") -> Commands:
    """Bring a large file to the server; it takes its place only if its sha256 is right."""
    if not due(gather()):
        current_host().noop(path)
        return
    yield from _bring(Artifact(Path(source), sha256), path, mode)


@operation()
def wheels(path: str, *, obtain: Callable[[Snapshot], Artifact], due: Asked) -> Commands:
    """Bring the virtual environment's wheels, which are fetched here when they are needed."""
    snapshot = gather()
    if not due(snapshot):
        current_host().noop(path)
        return
    try:
        found = obtain(snapshot)
    except ValidationError as error:
        current_host().log_styled(str(error), fg="red")
        yield StringCommand("exit 1")
    else:
        yield from _bring(found, path, "644")


def _bring(artifact: Artifact, path: str, mode: str) -> Commands:
    arrival = f"/tmp/one-api-infra-{artifact.sha256}"  # noqa: S108  # checked by its hash before use
    yield from lock.held(current_host())
    yield FileUploadCommand(str(artifact.path), arrival)
    yield _string(changes.placed(path, arrival, artifact.sha256, mode))
    gather(probes=False).note(path, PathState("f", "root", "root", mode, artifact.sha256))


@operation()
def failure(
    problems: Callable[[Snapshot], tuple[Problem, ...]],
    *,
    waive: tuple[str, ...] = (),
    probes: bool = True,
) -> Commands:
    """Stop the run with messages that name cause and remedy; nothing happens without any.

    A problem whose id the inventory waives is shown all the same, and stops nothing.
    ``probes=False``: it asks for paths alone.
    """
    found = problems(gather(probes=probes))
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
def firewall(
    rules: Callable[[Snapshot], File],
    *,
    load: str,
    confirm: str,
    due: Asked,
    follows: tuple[str, ...],
) -> Commands:
    """Load firewall rules; they stay only if a new connection confirms them.

    The open connection proves nothing, since the rules let established ones live.
    """
    snapshot = gather()
    if not (snapshot.written.intersection(follows) or due(snapshot)):
        current_host().noop("the rules are loaded")
        return
    encoded = base64.encodebytes(rules(snapshot).data).decode()
    yield from lock.held(current_host())
    yield StringCommand(load, _stdin=encoded)
    yield FunctionCommand(_confirm, (confirm,), {})
    snapshot.is_stale = True


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
