"""The installed package, in a folder that has never seen the checkout: init to remove.

And the workflow of docs/ci.md, step by step as CI runs it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from tests.lab.sites import ROOT, LabSite

PROGRAM = "from one_api_infra.cli import main; main()"
DOCUMENT = ROOT / "docs/ci.md"


class Installed:
    """The command of a wheel that was built from this checkout."""

    def __init__(self, folder: Path) -> None:
        self.package, self.folder = folder / "package", folder / "work"
        self.told = ""  # by the last step of the workflow
        self.folder.mkdir()
        pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "wheel", "--no-deps", "-w", str(folder), str(ROOT)], check=True)
        (wheel,) = folder.glob("*.whl")
        target = f"--target={self.package}"
        subprocess.run([*pip, "install", "--no-deps", target, str(wheel)], check=True)
        program = folder / "bin/one-api-infra"
        program.parent.mkdir()
        program.write_text(f"#!{sys.executable}\n{PROGRAM}\n")
        program.chmod(0o755)

    def ci(self, event: str, **secrets: str) -> dict[str, int]:
        """The exit codes of a workflow's steps for an event; the first that fails is the last."""
        (text,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.S)
        steps = [each for each in yaml.safe_load(text)["jobs"]["site"]["steps"] if "run" in each]
        codes: dict[str, int] = {}
        for step in steps:
            if step["name"] == "install" or not _is_due(step.get("if", ""), event):
                continue
            own = {"PATH": f"{self.folder.parent}/bin:{os.environ['PATH']}", **secrets}
            done = self._run(["bash", "-e", "-c", step["run"]], own)
            codes[step["name"]] = done.returncode
            self.told = f"{done.stdout}\n{done.stderr}"
            if done.returncode:
                break
        return codes

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command, with nothing of the checkout on the path."""
        return self._run([sys.executable, "-c", PROGRAM, *arguments], {})

    def _run(self, command: list[str], own: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        known = {"PYTHONPATH": str(self.package), "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **known, **own},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def _forget(address: str) -> None:
    """``init`` believes a first contact, and ssh keeps it in root's own file."""
    subprocess.run(["ssh-keygen", "-R", address], capture_output=True, check=False)


def _of_the_lab(site: LabSite) -> dict[str, object]:
    """What a lab has beside a real server: its CA, its DNS, its way, its key."""
    own_way = {"ssh_key", "ssh_known_hosts_file"}
    others = {name: value for name, value in site.settings.items() if name not in own_way}
    shown = site.host.ssh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()
    return others | {"ssh_fingerprint": shown[1]}


def _is_due(condition: str, event: str) -> bool:
    """GitHub's words for when a step runs, as far as the document uses them."""
    found = re.fullmatch(r"github\.event_name (==|!=) '(\w+)'", condition)
    if not found:
        return not condition
    return (found[2] == event) == (found[1] == "==")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"))


def test_the_wheel_has_no_lab(installed: Installed) -> None:
    assert not (installed.package / "one_api_infra/lab").exists()
    assert not (installed.package / "benchmarks").exists()
    told = installed.run("--help").stdout
    assert "verify" in told
    assert "demo" not in told


def test_without_an_inventory_it_says_what_to_do(installed: Installed) -> None:
    done = installed.run("deploy", "nowhere.py")
    assert done.returncode == 2
    assert "one-api-infra init nowhere.py" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_init_to_remove(installed: Installed, blank: Callable[[str], LabSite]) -> None:
    site = blank("debian-13")
    _forget(site.host.address)
    inventory = installed.folder / "inventory.py"
    way = site.host.connection()
    begun = installed.run(
        "init", "--yes", f"--server={way['ssh_hostname']}", f"--domain={site.domain}",
        "--email=admin@lab.test", "--ssh-key=ssh_key",
    )  # fmt: skip
    assert inventory.exists(), begun.stderr
    own = f"hosts[0][1].update({_of_the_lab(site)!r})\n"
    inventory.write_text(inventory.read_text() + own)

    key = Path(str(way["ssh_key"])).read_text()
    assert installed.ci("pull_request", SSH_KEY=key) == {"key": 0, "plan": 0}
    assert site.host.ssh("ls /opt") == ""
    codes = installed.ci("push", SSH_KEY=key)
    assert codes == {"key": 0, "deploy": 0, "verify": 0}, installed.told[-3000:]
    assert (installed.folder / "ssh_key").stat().st_mode & 0o777 == 0o600
    site.host.ssh("systemctl stop nginx")
    assert installed.ci("schedule", SSH_KEY=key) == {"key": 0, "verify": 1}
    assert "<failure" in (installed.folder / "verify.xml").read_text()

    for command in (["deploy", "--yes"], ["verify", "--junit-xml=verified.xml"], ["status"]):
        done = installed.run(*command)
        assert done.returncode in ({0, 1} if command == ["status"] else {0}), done.stdout[-3000:]
    assert (installed.folder / "verified.xml").stat().st_size
    assert (installed.folder / "artifacts.lock.json").exists() or site.settings.get("artifact")
    assert "Nothing would change" in installed.run("deploy", "--dry-run").stderr
    assert installed.run("deploy", "--yes", "--only=nginx").returncode == 0

    assert installed.run("remove", "--yes").returncode == 0
    assert site.host.ssh("ls -d /opt/one-api* 2>/dev/null || true") == ""
    _forget(site.host.address)
    made = {path.name for path in installed.package.rglob("pyinfra-debug.log")}
    assert made == set()
