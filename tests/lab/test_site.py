"""A blank host becomes a verified site; a second run changes nothing; a reboot neither."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from one_api_infra.lab.network import SERVICES
from tests.lab.conftest import SYSTEMS
from tests.lab.ports import Watch, scan
from tests.lab.sites import PYINFRA, ROOT, LabSite, Result


@pytest.mark.parametrize("system", [*SYSTEMS, pytest.param("ubuntu-24.04", marks=pytest.mark.long)])
def test_blank_host_becomes_a_site(blank: Callable[[str], LabSite], system: str) -> None:
    site = blank(system)
    site.inventory()
    dry = site.deploy("--dry", "--json")
    assert dry.code == 0, dry.stderr
    assert "Install Debian packages" in " ".join(dry.planned)

    gateway = SERVICES["gateway"]
    network = site.lab.network
    sources = {
        site.host.address: network.address(gateway),
        site.host.address6: network.address6(gateway),
    }
    watch = Watch(sources)
    watch.start()
    first = site.deploy("-y", "--json")
    watch.stop()
    assert first.code == 0, first.stderr
    assert set.union(*watch.seen.values()) == {22, 80, 443}
    assert watch.rounds > 20
    for address, source in sources.items():
        assert scan(address, source) == {22, 80, 443}

    assert _status(site)["server_address"] == f"https://{site.domain}"
    _is_converged(site)
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout

    monitored = site.verify("--nagios", "-k", "certificate")
    assert monitored.stdout.startswith("TESTINFRA OK"), monitored.stdout

    site.reboot()
    assert site.verify().returncode == 0
    _is_converged(site)


def _status(site: LabSite) -> dict[str, str]:
    """By curl, as the README shows it."""
    done = subprocess.run(
        ["curl", "-sS", "--fail", "--cacert", site.lab.ca.issuer, "--resolve",
         f"{site.domain}:443:{site.host.address}", f"https://{site.domain}/api/status"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(json.loads(done.stdout)["data"])


def test_works_from_another_directory(site: LabSite, tmp_path: Path) -> None:
    site.inventory()
    done = subprocess.run(
        [*PYINFRA, str(ROOT / "inventory.py"), str(ROOT / "deploys/site.py"), "-y", "--json"],
        cwd=tmp_path,
        env=site.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Result(0, done.stdout, "").changed == []


def test_deploy_shows_the_plan_and_is_honest(site: LabSite) -> None:
    site.inventory(log_days=77)
    command = [sys.executable, "-c", "from one_api_infra.cli import main; main()", "deploy"]

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *options],
            cwd=ROOT,
            env=site.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    plan = run("--dry-run")
    assert (plan.returncode, "one-api-infra/logrotate.conf" in plan.stderr) == (0, True)
    done = run("--yes")
    assert done.returncode == 0, done.stderr
    assert "one-api-infra verify" in done.stderr
    assert "Nothing would change." in run("--dry-run").stderr
    assert run("--limit", "nosuch").returncode == 2
    assert run("no/such/inventory.py").returncode == 2


def _is_converged(site: LabSite) -> None:
    second = site.deploy("-y", "--json")
    assert second.code == 0, second.stderr
    assert second.changed == []
    assert second.totals["no_change"] == second.totals["hosts"]
    dry = site.deploy("--dry", "--json")
    assert (dry.code, dry.planned) == (0, [])
