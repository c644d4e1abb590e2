"""Two runs at once: one changes the server, the other says who does; nothing is left half done."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from one_api_infra.remote import lock
from one_api_infra.shared import units
from tests.lab.sites import PYINFRA, ROOT, LabSite, Result

INTERLEAVINGS = int(os.environ.get("ONE_API_TEST_INTERLEAVINGS", "3"))


def begun(site: LabSite, operation: int, **environment: str) -> "subprocess.Popen[str]":
    """A run that has come to its operation of that number."""
    run = subprocess.Popen(
        site.command("-y"),
        cwd=ROOT,
        env=site.environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert run.stdout
    count = 0
    for line in run.stdout:
        count += "Starting operation" in line
        if count == operation:
            break
    return run


def ended(run: "subprocess.Popen[str]") -> int:
    """The exit code of a run at its end."""
    run.communicate()
    return run.returncode


@pytest.mark.long
def test_the_second_run_changes_nothing(blank: Callable[[str], LabSite]) -> None:
    site = blank("debian-13")
    site.inventory()
    for operation in (3, 12):
        first = begun(site, operation)
        second = site.deploy("-y")
        assert second.code != 0
        assert lock.FORCE in second.stderr
        assert f"{os.environ.get('USER', 'root')}@" in second.stderr
        assert ended(first) == 0
        assert site.deploy("-y", "--json").changed == []
        site.host.ssh(
            f"systemctl stop {units.BYTECODE} 2>/dev/null;"
            " rm -f /opt/one-api-infra/venv; rm -rf /opt/one-api-infra/venv-*"
        )
    site.converge()


@pytest.mark.long
def test_two_domains_at_once(site: LabSite, tmp_path: Path) -> None:
    """Whoever comes first wins whole; the other is told, and loses nothing by trying again."""
    for number in range(INTERLEAVINGS):
        both = [f"{letter}{number}.lab.test" for letter in "ab"]
        for name in both:
            site.lab.point(name, site.host)
        first = started(site, tmp_path / f"{both[0]}.py", both[0])
        time.sleep(number * 3.0 / INTERLEAVINGS)
        second = started(site, tmp_path / f"{both[1]}.py", both[1])
        codes = {name: ended(run) for name, run in zip(both, (first, second), strict=True)}
        assert 0 in codes.values(), codes
        served = json.loads(site.host.ssh("cat /etc/one-api-infra/site.json"))["domain"]
        assert codes[served] == 0
        again = started(site, tmp_path / f"{served}.py", served, "--json")
        assert Result(0, again.communicate()[0], "").changed == []
        site.settings["domain"] = served
        assert site.answers()


def started(site: LabSite, inventory: Path, domain: str, *options: str) -> "subprocess.Popen[str]":
    """An admin's run with an inventory of their own."""
    host = (site.host.name, site.settings | {"domain": domain})
    inventory.write_text(f"hosts = [{host!r}]\n")
    command = [*PYINFRA, str(inventory), "deploys/site.py", "-y", *options]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=site.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.long
def test_a_killed_run_locks_nobody_out(site: LabSite) -> None:
    break_it = "rm -rf /opt/one-api-infra/venv /opt/one-api-infra/venv-*"
    site.host.ssh(break_it)
    killed = begun(site, 25)
    os.killpg(killed.pid, signal.SIGKILL)
    ended(killed)
    started = time.monotonic()
    site.converge()
    assert time.monotonic() - started < lock.SILENT_SECONDS
    assert site.deploy("-y", "--json").changed == []


def test_force(site: LabSite) -> None:
    site.host.ssh(f"(exec 9<>{lock.LOCK}; flock 9; sleep 600) >/dev/null 2>&1 &")
    site.host.ssh("rm /opt/one-api-infra/requirements.txt")
    assert site.deploy("-y").code != 0
    assert site.deploy("-y", **{lock.FORCE: "1"}).code == 0
