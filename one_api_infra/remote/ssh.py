"""Reaching a server of the inventory by the ssh program, as its host data say."""

import base64
import contextlib
import hashlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from one_api_infra.desired.parsers import refuse
from one_api_infra.shared.errors import OperatorError
from one_api_infra.shared.texts import _

CONNECT_SECONDS = 15.0
SETTING = "ssh_fingerprint"
SUDO_PASSWORD = "ONE_API_INFRA_SUDO_PASSWORD"  # noqa: S105  # the variable's name
# Makes an executable that tells sudo its password, which stands in no argument.
ASKPASS = 'umask 077; f=$(mktemp "${XDG_RUNTIME_DIR:-/tmp}/askpass.XXXXXXXXXX") && '
ASKPASS += 'cat >"$f" && chmod 700 "$f" && echo "$f"'
ASKPASS = f"exec sh -c {shlex.quote(ASKPASS)}"  # the user's own shell may be no sh
# As pyinfra does it: what was never seen is believed, what has changed is not.
OWN = "~/.ssh/config"  # pyinfra reads it too
HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FIRST_CONTACT = {"StrictHostKeyChecking": "accept-new"}
# Knows a server by its key's fingerprint alone: ssh passes it as %f, and takes the line as known.
# It must succeed, for another key too: else ssh ends without a word about keys.
KNOWN = """/bin/sh -c "[ $0 != {fingerprint} ] || echo $1 $2 $3" %f %H %t %K"""
# ssh's name for each of pyinfra's.
OPTIONS = {
    "ssh_hostname": "HostName",
    "ssh_user": "User",
    "ssh_port": "Port",
    "ssh_key": "IdentityFile",
    "ssh_known_hosts_file": "UserKnownHostsFile",
    "ssh_strict_host_key_checking": "StrictHostKeyChecking",
}


def stanza(name: str, data: Mapping[str, Any], folder: Path) -> str:
    """A host's part of an ssh configuration, with a shared connection in ``folder``."""
    options = {option: data[key] for key, option in OPTIONS.items() if data.get(key) is not None}
    options = {**FIRST_CONTACT, **options, **_pinned(data)}
    # A socket's path has 104 characters at most, of which ssh takes 17 for itself.
    socket_name = hashlib.sha256(name.encode()).hexdigest()[:8]
    options |= {"ControlMaster": "auto", "ControlPath": str(folder / socket_name)}
    options |= {"ControlPersist": "30s", "BatchMode": "yes", "ConnectTimeout": 10}
    options |= {"ServerAliveInterval": 15, "ServerAliveCountMax": 4}
    # Of the admin's own file, which pyinfra does not heed either: no command could be given.
    options |= {"RemoteCommand": "none", "RequestTTY": "no"}
    lines = [f"    {option} {_quoted(value)}" for option, value in options.items()]
    return "\n".join([f"Host {name}", *lines])


def configuration(hosts: Mapping[str, Mapping[str, Any]], folder: Path) -> str:
    """ssh's configuration for hosts; the admin's own, for jump hosts and names, stands behind."""
    stanzas = [stanza(name, data, folder) for name, data in hosts.items()]
    owners: dict[Path, list[str]] = {}
    for name, data in hosts.items():
        path = Path(data.get("ssh_config_file") or OWN).expanduser().absolute()
        if path.exists():
            owners.setdefault(path, []).append(name)
    others = ",".join(["*", *(f"!{name}" for name in hosts)])  # jump hosts
    for path, names in owners.items():
        stanzas += [f"Match originalhost {','.join(names)}", f"    Include {_quoted(path)}"]
        stanzas += [f"Match originalhost {others}", f"    Include {_quoted(path)}"]
    return "\n".join([*stanzas, ""])


def _quoted(value: Any) -> Any:
    """A value with a space as one word; ``KnownHostsCommand`` has quotes of its own."""
    return f'"{value}"' if " " in str(value) and '"' not in str(value) else value


def _pinned(data: Mapping[str, Any]) -> dict[str, str]:
    """The options that refuse a server with another key than ``ssh_fingerprint``.

    Raises ValidationError for what is no fingerprint.
    """
    wanted = data.get(SETTING)
    if not wanted:
        return {}
    if not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", str(wanted)):
        remedy = _("`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the server prints it")
        raise refuse(SETTING, _("a fingerprint as SHA256: and 43 characters"), remedy)
    return {
        "KnownHostsCommand": KNOWN.format(fingerprint=wanted),
        "UserKnownHostsFile": "/dev/null",
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
    }


def fingerprint(key: bytes) -> str:
    """A server's public key in OpenSSH's short form, ``SHA256:`` and 43 characters."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def askpass(answer: str) -> str:
    """The program that ``ASKPASS`` reads from its input."""
    return f"#!/bin/sh\nprintf '%s\\n' {shlex.quote(answer)}\n"


def address(name: str, data: Mapping[str, Any]) -> str:
    """The IP address of a host, or its name where it cannot be looked up here."""
    known = str(data.get("ssh_hostname") or name)
    for found_by in (str, partial(_alias, data.get("ssh_config_file") or "")):
        with contextlib.suppress(OSError):
            found = socket.getaddrinfo(found_by(known), None, proto=socket.IPPROTO_TCP)
            return str(found[0][4][0])
    return known


def _alias(configuration: str, name: str) -> str:
    """What ssh's configuration (else ``~/.ssh/config``) says of a name that has no address."""
    if not HOST_NAME.fullmatch(name) or shutil.which("ssh") is None:
        return name
    given = ("-F", str(Path(configuration).expanduser())) if configuration else ()
    told, _error = _output(["ssh", *given, "-G", name], CONNECT_SECONDS, "")
    found = re.search(r"^hostname (\S+)$", told, re.MULTILINE)
    return found[1] if found else name


def connect(configuration: Path, name: str) -> str:
    """Make the connection that all commands share; what went wrong, empty if nothing did."""
    nothing = subprocess.DEVNULL  # a pipe would stay open as long as the connection
    command = ["ssh", "-F", str(configuration)]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(
            [*command, "-fN", name],
            stdin=nothing, stdout=nothing, stderr=nothing, check=True, timeout=CONNECT_SECONDS,
        )  # fmt: skip
        return ""
    return _output([*command, name, "true"], CONNECT_SECONDS, "")[1]


class Server:
    """A server, and how to run commands on it, all over one connection."""

    def __init__(self, name: str, data: Mapping[str, Any]) -> None:
        self.name = name
        self.data = dict(data)
        if shutil.which("ssh") is None:
            raise OperatorError(_("ssh is not there: `apt-get install openssh-client`"))
        self.folder = tempfile.TemporaryDirectory(prefix="one-api-infra-")
        self.configuration = Path(self.folder.name) / "ssh_config"
        self.configuration.write_text(configuration({name: data}, Path(self.folder.name)))

    def run(self, command: str, seconds: float) -> tuple[str, str]:
        """The command's standard output as root, and what went wrong (empty if nothing did)."""
        words, stdin = self._as_root(command)
        return _output(words, seconds, stdin)

    def show(self, command: str) -> int:
        """Run a command as root that takes its time, with its output shown as it comes."""
        words, stdin = self._as_root(command)
        return subprocess.run(words, input=stdin, text=True, check=False).returncode

    def lines(self, command: str) -> Iterator[str]:
        """The lines that a command as root prints, as they come; its errors are shown at once.

        OperatorError if it fails.
        """
        words, stdin = self._as_root(command)
        pipe = subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
            if process.stdin:
                process.stdin.write(stdin)
                process.stdin.close()
            yield from process.stdout or ()
        if process.returncode:
            raise OperatorError(f"{self.name}: exit code {process.returncode}")

    def _as_root(self, command: str) -> tuple[list[str], str]:
        """ssh's words, and what goes to its input."""
        shell, stdin = command, ""
        if self.data.get("_sudo"):
            shell, stdin = as_root(command), password(self.data)
        return ["ssh", "-F", str(self.configuration), self.name, shell], stdin

    def make_askpass(self) -> str:
        """The path of a program that tells sudo its password; empty where nobody gave one."""
        given = password(self.data).rstrip("\n")
        if not (self.data.get("_sudo") and given):
            return ""
        command = ["ssh", "-F", str(self.configuration), self.name, ASKPASS]
        return _output(command, CONNECT_SECONDS, askpass(given))[0].strip()

    def remove_askpass(self, path: str) -> None:
        """Remove that program."""
        command = f"rm -f -- {shlex.quote(path)}"
        _output(["ssh", "-F", str(self.configuration), self.name, command], CONNECT_SECONDS, "")


def as_root(command: str) -> str:
    """The command by sudo, whose password, if it wants one, is the first line of the input."""
    quoted = shlex.quote(command)
    script = f"if sudo -n true 2>/dev/null; then exec sudo -n sh -c {quoted};"
    script += f" else exec sudo -S -p '' sh -c {quoted}; fi"
    return f"exec sh -c {shlex.quote(script)}"  # the user's own shell may be no sh


def password(data: Mapping[str, Any]) -> str:
    """The line for sudo: the host's own password, else the environment's; empty without one."""
    found = data.get("_sudo_password") or os.environ.get(SUDO_PASSWORD, "")
    return f"{found}\n" if found else ""


def _output(command: Sequence[str], seconds: float, stdin: str) -> tuple[str, str]:
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return "", f"no answer by ssh within {seconds:.0f} s"
    except OSError as error:
        return "", str(error)
    words = done.stderr.strip()[-300:] or f"exit code {done.returncode}"
    return done.stdout, words if done.returncode else ""
