"""Those who converge a server: this project, Ansible (two ways), and a shell script."""

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from one_api_infra.lab.host import Host
from tests.lab.sites import ROOT, LabSite

HERE = Path(__file__).parent
SETTING = "/etc/one-api/one-api.env"


class Contender(ABC):
    """One way to converge; ``folder`` holds the payload of those who need one."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def run(self, site: LabSite) -> None:
        """Converge once; an error if that failed."""


class Pyinfra(Contender):
    """``pyinfra inventory.py deploys/site.py -y``."""

    name = "one-api-infra"

    def run(self, site: LabSite) -> None:
        site.inventory()
        must(site.command("-y"), env=site.environment())

    @staticmethod
    def start() -> None:
        """pyinfra alone, without an inventory or a host."""
        must([sys.executable, "-m", "pyinfra", "--version"])


class Ansible(Contender):
    """ansible-playbook with pipelining and ControlPersist."""

    name = "Ansible, pipelining"
    strategy: str | None = None

    def run(self, site: LabSite) -> None:
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": {"shop": _connection(site.host)}}}))
        environment = {**os.environ, "ANSIBLE_CONFIG": str(HERE / "ansible/ansible.cfg")}
        if self.strategy:
            environment |= {"ANSIBLE_STRATEGY": "mitogen_linear"}
            environment |= {"ANSIBLE_STRATEGY_PLUGINS": self.strategy}
        playbook = str(Path(sys.executable).with_name("ansible-playbook"))
        extra = ["--extra-vars", f"payload={self.folder}"]
        must([playbook, "-i", str(inventory), *extra, str(HERE / "ansible/site.yml")], environment)


class Mitogen(Ansible):
    """The same playbook with mitogen's strategy."""

    name = "Ansible, mitogen"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        import ansible_mitogen  # noqa: PLC0415  # a benchmark's, not every reader's

        self.strategy = str(Path(ansible_mitogen.__file__).parent / "plugins" / "strategy")


class Shell(Contender):
    """A tar and a script over one ssh."""

    name = "shell script"

    def run(self, site: LabSite) -> None:
        tar = ["tar", "-C", str(self.folder), "-c", "."]
        unpack = "rm -rf /root/payload && mkdir /root/payload && tar -xC /root/payload"
        command = f"{unpack} && sh /root/payload/site.sh"
        ssh = " ".join(f"'{word}'" for word in [*fresh_ssh(site.host), command])
        must(["sh", "-c", f"{' '.join(tar)} | {ssh}"])

    def prepare(self, variables: dict[str, Any]) -> None:
        """The payload's description as a shell script reads it."""
        lists = {
            "users": [f"{each['name']} {each['home']}" for each in variables["users"]],
            "directories": [_placed(each) for each in variables["directories"]],
            "files": [_placed(each) for each in variables["files"]],
        }
        for name, lines in lists.items():
            (self.folder / name).write_text("\n".join(lines) + "\n")
        texts = {
            "DOMAIN": variables["domain"],
            "PACKAGES": " ".join(variables["packages"]),
            "BINARY": variables["binary"],
            "AGENT": variables["agent"].strip(),
            "UNITS": " ".join(variables["units"]),
        }
        lines = [f"{name}='{text}'" for name, text in texts.items()]
        (self.folder / "vars.sh").write_text("\n".join(lines) + "\n")
        (self.folder / "venv.sh").write_text(variables["venv"])
        (self.folder / "site.sh").write_bytes((HERE / "shell/site.sh").read_bytes())


def _placed(entry: dict[str, str]) -> str:
    return f"{entry['mode']} {entry['path']}"


def fresh_ssh(host: Host) -> list[str]:
    """ssh without a connection that is kept: everybody begins with their own."""
    command = [part for part in host.ssh_command() if "Control" not in part]
    return [part for index, part in enumerate(command) if not _is_bare(command, index)]


def _is_bare(command: Sequence[str], index: int) -> bool:
    """Whether it is an ``-o`` whose option is gone."""
    following = command[index + 1] if index + 1 < len(command) else ""
    return command[index] == "-o" and "=" not in following


def _connection(host: Host) -> dict[str, str]:
    options = f"-o UserKnownHostsFile={host.known_hosts} -o StrictHostKeyChecking=yes"
    return {
        "ansible_host": host.address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(host.key),
        "ansible_ssh_common_args": options,
    }


def must(command: Sequence[str], env: dict[str, str] | None = None) -> str:
    """Run to the end; its words if it fails."""
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{command[0]}: {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}"
        )
    return done.stdout
