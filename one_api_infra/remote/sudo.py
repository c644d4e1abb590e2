"""A sudo password that stands in no command line.

pyinfra's own way puts it into the remote shell's arguments (``env PYINFRA_SUDO_PASSWORD=…``),
where every user of the server can read it. Here it goes through standard input into a private
askpass file, which pyinfra then uses, and removes when it disconnects.
"""

import getpass
import os
import sys

from pyinfra.api import Host, StringCommand
from pyinfra.api.exceptions import DeployError

from one_api_infra.remote import ssh
from one_api_infra.shared.texts import _

VARIABLE = ssh.SUDO_PASSWORD
# The value is a mark only: with an askpass file in place pyinfra never sends the real one.
IN_ASKPASS_FILE = "in the askpass file"


def prepare(host: Host) -> None:
    """Give sudo its password if it wants one; nothing happens for root or without a password."""
    # Without its words: pyinfra would read "a password is required" and ask for one itself.
    if not host.data.get("_sudo") or _run(host, "sudo -n true >/dev/null 2>&1")[0]:
        return
    created, lines = _run(host, ssh.ASKPASS, stdin=ssh.askpass(_password(host)))
    if not created:
        raise DeployError(_("no private file could be made for sudo's password"))
    directory = host.get_temp_dir_config()
    host.connector_data[f"sudo_askpass_path__{directory}"] = lines[0]
    host.data._sudo_password = IN_ASKPASS_FILE


def _password(host: Host) -> str:
    if known := host.data.get("_sudo_password") or os.environ.get(VARIABLE):
        return str(known)
    if not sys.stdin.isatty():
        raise DeployError(
            _("{host}: sudo asks for a password; set {variable}", host=host, variable=VARIABLE)
        )
    return getpass.getpass(_("{host}: password for sudo: ", host=host))


def _run(host: Host, command: str, stdin: str = "") -> tuple[bool, list[str]]:
    """A command as the ssh user, without sudo and without a line of output."""
    done, output = host.run_shell_command(
        StringCommand(command), print_output=False, print_input=False, _stdin=stdin
    )
    return done, output.stdout_lines
