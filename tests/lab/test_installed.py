"""The installed package, in a folder that has never seen the checkout: init to remove."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.sites import ROOT, LabSite

PROGRAM = "from one_api_infra.cli import main; main()"


class Installed:
    """The command of a wheel that was built from this checkout."""

    def __init__(self, folder: Path) -> None:
        self.package, self.folder = folder / "package", folder / "work"
        self.folder.mkdir()
        pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "wheel", "--no-deps", "-w", str(folder), str(ROOT)], check=True)
        (wheel,) = folder.glob("*.whl")
        target = f"--target={self.package}"
        subprocess.run([*pip, "install", "--no-deps", target, str(wheel)], check=True)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command, with nothing of the checkout on the path."""
        own = {"PYTHONPATH": str(self.package), "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=self.folder,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            check=False,
        )


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


def test_init_to_remove(installed: Installed, blank: Callable[[str], LabSite]) -> None:
    site = blank("debian-13")
    inventory = installed.folder / "inventory.py"
    way = site.host.connection()
    begun = installed.run(
        "init", "--yes", f"--server={way['ssh_hostname']}", f"--domain={site.domain}",
        "--email=admin@lab.test", f"--ssh-key={way['ssh_key']}",
    )  # fmt: skip
    assert inventory.exists(), begun.stderr
    # What a lab has beside a real server: its CA, its DNS, its way.
    own = f"hosts[0][1].update({site.settings!r})\n"
    inventory.write_text(inventory.read_text() + own)

    for command in (["deploy", "--yes"], ["verify", "--junit-xml=verified.xml"], ["status"]):
        done = installed.run(*command)
        assert done.returncode in ({0, 1} if command == ["status"] else {0}), done.stdout[-3000:]
    assert (installed.folder / "verified.xml").stat().st_size
    assert (installed.folder / "artifacts.lock.json").exists() or site.settings.get("artifact")
    assert "Nothing would change" in installed.run("deploy", "--dry-run").stderr
    assert installed.run("deploy", "--yes", "--only=nginx").returncode == 0

    assert installed.run("remove", "--yes").returncode == 0
    assert site.host.ssh("ls -d /opt/one-api* 2>/dev/null || true") == ""
    made = {path.name for path in installed.package.rglob("pyinfra-debug.log")}
    assert made == set()
