"""The one shell command that brings a resource to what is wanted; None where it is so already.

``remote/operations.py`` carries them out.
"""

import base64
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from one_api_infra.desired.resources import Directory, File
from one_api_infra.desired.snapshot import Snapshot

APT = "DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q"
# Nothing waits for the lock of the package lists but a loop: after a run that was killed, or
# while the system updates itself, somebody else holds it for a while.
UPDATE = f"for _try in 1 2 3 4 5 6 7 8 9; do {APT} update && break; sleep 10; done"
# dpkg first: after a power cut it refuses everything until it has finished its work.
FINISH = "dpkg --configure -a --force-confold"
# Written beside its target with owner and mode set first, then renamed: never half, never at the
# wrong mode, and the content stands in no argument and no log. A folder in its place is set aside.
WRITE = (
    "umask 077 &&"
    " {{ [ -L {path} ] || [ ! -d {path} ] || mv -T {path} {path}.aside.$(date +%s); }} &&"
    ' t=$(mktemp {temporary}) && {{ base64 -d >"$t" && chown {owner}:{group} "$t" &&'
    ' chmod {mode} "$t" && mv -fT "$t" {path} || {{ rm -f "$t"; exit 1; }}; }}'
)
# A deleted user gets its old uid back, that of its home, unless another user has it now.
USER_ADD = (
    "group=--user-group; ! getent group {user} >/dev/null || group='--gid '{user};"
    " number=; old=$(stat -c %u {home} 2>/dev/null || echo 0);"
    ' [ "$old" = 0 ] || getent passwd "$old" >/dev/null || number="--uid $old";'
    " useradd --system $group $number --no-create-home --shell /usr/sbin/nologin"
    " --home-dir {home} {user}"
)
PLACED = "install -D -m {mode} {arrival} {new} && rm -f {arrival} &&"
PLACED += " echo {sha256}'  '{new} | sha256sum --quiet -c - && mv -fT {new} {path}"


@dataclass(frozen=True)
class Change:
    """A command as root, and what goes to its input, which is shown nowhere."""

    command: str
    stdin: str | None = field(default=None, repr=False)


def file(snapshot: Snapshot, file: File) -> Change | None:
    """Write a file, atomically."""
    if snapshot.has_file(file):
        return None
    parent, name = file.path.rsplit("/", 1)
    places = {"path": file.path, "temporary": f"{parent}/.{name}.XXXXXXXX", "mode": file.mode}
    places |= {"owner": file.owner, "group": file.group}
    return Change(_fill(WRITE, **places), base64.encodebytes(file.data).decode())


def directory(snapshot: Snapshot, directory: Directory) -> Change | None:
    """Make a directory with owner and mode."""
    if snapshot.has_directory(directory):
        return None
    owner = f"{directory.owner}:{directory.group}"
    script = "mkdir -p {path} && chown {owner} {path} && chmod {mode} {path}"
    return Change(_fill(script, path=directory.path, owner=owner, mode=directory.mode))


def private(snapshot: Snapshot, path: str) -> Change | None:
    """Let a file that the server has made be root's alone; one that is not there stays so."""
    there = snapshot.paths.get(path)
    if there is None or (there.owner, there.group, there.mode) == ("root", "root", "600"):
        return None
    return Change(_fill("chown root:root {path} && chmod 600 {path}", path=path))


def absent(snapshot: Snapshot, path: str) -> Change | None:
    """Remove a file or link."""
    return Change(_fill("rm -f -- {path}", path=path)) if path in snapshot.paths else None


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
    return Change(f"{FINISH}; {UPDATE} && {install(missing)}")


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
    if not snapshot.is_active(unit) or snapshot.is_unread(unit):
        steps.append(f"systemctl restart {shlex.quote(unit)}")
    return steps


def placed(path: str, arrival: str, sha256: str, mode: str) -> Change:
    """Let a file that has arrived take its place, if its sha256 is right."""
    places = {"path": path, "new": f"{path}.new", "arrival": arrival}
    return Change(_fill(PLACED, **places, sha256=sha256, mode=mode))


def _fill(script: str, **values: str) -> str:
    return script.format(**{name: shlex.quote(value) for name, value in values.items()})
