"""The one shell command that brings a resource to what is wanted; None where it is so already.

``remote/operations.py`` carries them out.
"""

import base64
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from one_api_infra.desired.resources import Directory, File
from one_api_infra.desired.snapshot import PathState, Snapshot, path_state

APT = "DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q"
# Nothing waits for the lock of the package lists but a loop: after a run that was killed, or
# while the system updates itself, somebody else holds it for a while.
UPDATE = "for _try in 1 2 3 4 5 6 7 8 9; do {update} && break; sleep 10; done"
# dpkg first: after a power cut it refuses everything until it has finished its work.
FINISH = "dpkg --configure -a --force-confold"
# Written beside its target with owner and mode set first, then renamed: never half, never at the
# wrong mode. A folder in its place is set aside.
WRITE = """\
[ -L {path} ] || [ ! -d {path} ] || mv -T {path} {path}.aside.$(date +%s)
t=$(mktemp {temporary})
{{ base64 -d >"$t" && chown {owner} "$t" && chmod {mode} "$t" && mv -fT "$t" {path}; }} <<'.' ||
{content}.
{{ rm -f "$t"; exit 1; }}"""
MAKE = "mkdir -p {path}\nchown {owner} {path}\nchmod {mode} {path}"
# An input waits for the shell that reads it; an argument has 128 KiB at most.
LONGEST = 96 * 1024
# A deleted user gets its old uid back, that of its home, unless another user has it now.
USER_ADD = (
    "group=--user-group; ! getent group {user} >/dev/null || group='--gid '{user};"
    " number=; old=$(stat -c %u {home} 2>/dev/null || echo 0);"
    ' [ "$old" = 0 ] || getent passwd "$old" >/dev/null || number="--uid $old";'
    # Without a password: where sshd has UsePAM no, a locked user is let in by no key.
    " useradd --system --password '*' $group $number --no-create-home --shell /usr/sbin/nologin"
    " --home-dir {home} {user}"
)
PLACED = "install -D -m {mode} {arrival} {new} && rm -f {arrival} &&"
PLACED += " echo {sha256}'  '{new} | sha256sum --quiet -c - && mv -fT {new} {path}"


@dataclass(frozen=True)
class Change:
    """A command as root, and what goes to its input, which is shown nowhere."""

    command: str
    stdin: str | None = field(default=None, repr=False)


def differing(
    snapshot: Snapshot,
    directories: Iterable[Directory] = (),
    files: Iterable[File] = (),
    absent: Iterable[str] = (),
) -> dict[str, File | Directory | None]:
    """What is not as wanted, by path, in the order in which it is to be made; None: not there."""
    made: tuple[File | Directory, ...] = (*directories, *files)
    due = {each.path: each for each in made if snapshot.paths.get(each.path) != path_state(each)}
    return due | dict.fromkeys(path for path in absent if path in snapshot.paths)


def files(due: Mapping[str, File | Directory | None]) -> Change | None:
    """Make folders, write files, remove paths: one script, which ends at the first that fails.

    It is the command's input where somebody may not read it, or where it is long.
    """
    if not due:
        return None
    # In braces, a shell reads all of it before it begins: of a connection that is cut, nothing.
    script = "\n".join(["set -eu", "{", *(_step(*each) for each in due.items()), "}", ""])
    is_open = all(not isinstance(each, File) or _is_open(each) for each in due.values())
    return Change(script) if is_open and len(script) < LONGEST else Change("sh", script)


def _is_open(file: File) -> bool:
    """Whether everybody on the server may read what will be in the file."""
    return isinstance(file.content, bytes) and file.mode[-1] in "4567"


def _step(path: str, wanted: File | Directory | None) -> str:
    if wanted is None:
        return _fill("rm -f -- {path}", path=path)
    places = {"path": path, "owner": f"{wanted.owner}:{wanted.group}", "mode": wanted.mode}
    if isinstance(wanted, Directory):
        return _fill(MAKE, **places)
    parent, name = path.rsplit("/", 1)
    content = base64.encodebytes(wanted.data).decode()
    return _fill(
        WRITE.replace("{content}", content), **places, temporary=f"{parent}/.{name}.XXXXXXXX"
    )


def private(snapshot: Snapshot, paths: Iterable[str]) -> Change | None:
    """Let files that the server has made be root's alone; one that is not there stays so."""
    there = {path: snapshot.paths[path] for path in paths if path in snapshot.paths}
    wrong = [path for path, found in there.items() if not _is_private(found)]
    names = shlex.join(wrong)
    return Change(f"chown root:root {names} && chmod 600 {names}") if wrong else None


def _is_private(found: PathState) -> bool:
    return (found.owner, found.group, found.mode) == ("root", "root", "600")


def user(snapshot: Snapshot, user: str, home: str) -> Change | None:
    """Make a system user without a shell or a password."""
    if user in snapshot.users:
        return None
    return Change(_fill(USER_ADD, user=user, home=home))


def packages(snapshot: Snapshot, names: tuple[str, ...]) -> Change | None:
    """Install Debian packages that are missing, without what they merely recommend."""
    missing = [name for name in names if name not in snapshot.packages]
    if not missing:
        return None
    return Change(f"{FINISH}; {update()} && {install(missing)}")


def update(options: str = "") -> str:
    """The command that brings the package lists up to date."""
    return UPDATE.format(update=f"{APT} {options} update")


def install(names: Sequence[str]) -> str:
    """The command that installs packages from lists that are up to date."""
    return f"env {APT} install -y --no-install-recommends {shlex.join(names)}"


def unit(snapshot: Snapshot, unit: str, beside: tuple[str, ...] = ()) -> Change | None:
    """Let a unit be enabled and run; systemd reads changed files when it says that it needs to.

    ``beside`` are units that this one starts, and whose files may have changed too.
    """
    steps = _steps(snapshot, unit)
    if not steps and not any(map(snapshot.is_unread, beside)):
        return None
    # Enabling a unit lets systemd read all files anew by itself, and a reading takes a while.
    reads = [] if any(" enable " in step for step in steps) else ["systemctl daemon-reload"]
    return Change(" && ".join([*reads, *steps]))


def _steps(snapshot: Snapshot, unit: str) -> list[str]:
    steps = []
    if snapshot.unit(unit, "LoadState") == "masked":
        steps.append(f"systemctl unmask --quiet {shlex.quote(unit)}")
        steps.append(f"systemctl unmask --quiet --runtime {shlex.quote(unit)}")
    if not snapshot.needs_no_enabling(unit):
        steps.append(f"systemctl enable --quiet {shlex.quote(unit)}")
    # For a timer it is enough that its file was read.
    is_outdated = unit in snapshot.outdated and unit.endswith(".service")
    if not snapshot.is_active(unit) or snapshot.is_unread(unit) or is_outdated:
        steps.append(f"systemctl restart {shlex.quote(unit)}")
    return steps


def forgotten(snapshot: Snapshot, unit: str) -> Change | None:
    """Let systemd forget that a transient unit has failed."""
    has_failed = snapshot.unit(unit, "ActiveState") == "failed"
    return Change(f"systemctl reset-failed {shlex.quote(unit)}") if has_failed else None


def placed(path: str, arrival: str, sha256: str, mode: str) -> Change:
    """Let a file that has arrived take its place, if its sha256 is right."""
    places = {"path": path, "new": f"{path}.new", "arrival": arrival}
    return Change(_fill(PLACED, **places, sha256=sha256, mode=mode))


def _fill(script: str, **values: str) -> str:
    return script.format(**{name: shlex.quote(value) for name, value in values.items()})
