"""Two runs at once: one changes the server, the other says who does; nothing is left half done."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

from one_api_infra.pyinfra import lock
from tests.lab.sites import ROOT, LabSite


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


def test_the_second_run_changes_nothing(blank: Callable[[str], LabSite]) -> None:
    site = blank("debian-13")
    site.inventory()
    for operation in (3, 9, 12):
        first = begun(site, operation)
        second = site.deploy("-y")
        assert second.code != 0
        assert lock.FORCE in second.stderr
        assert f"{os.environ.get('USER', 'root')}@" in second.stderr
        assert ended(first) == 0
        assert site.deploy("-y", "--json").changed == []
        site.host.ssh("rm -f /opt/one-api-infra/venv; rm -rf /opt/one-api-infra/venv-*")
    site.converge()


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
