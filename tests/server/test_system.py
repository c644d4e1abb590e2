"""The system below the site."""

import re
import time

import pytest
from testinfra.host import Host

from one_api_infra.desired.site import Site
from one_api_infra.desired.system import PACKAGES

PRIVATE = {
    "/etc/one-api": 0o700,
    "/etc/one-api/one-api.env": 0o600,
    "/etc/one-api/secrets.env": 0o600,
    "/etc/one-api/root-password": 0o600,
    "/etc/one-api/access-token": 0o600,
    "/etc/one-api-infra/firewall.nft": 0o600,
}
OWNED = {"/opt/one-api-infra": 0o755, "/opt/one-api": 0o755, "/etc/one-api-infra": 0o755}


@pytest.mark.parametrize("name", PACKAGES)
def test_package_is_installed(host: Host, name: str) -> None:
    assert host.package(name).is_installed


@pytest.mark.parametrize(("path", "mode"), [*PRIVATE.items(), *OWNED.items()])
def test_path_is_roots_and_has_its_mode(host: Host, path: str, mode: int) -> None:
    found = host.check_output("stat -c '%%U %%a' %s", path).split()
    assert found == ["root", f"{mode:o}"]


def test_no_unit_has_failed(host: Host) -> None:
    assert host.check_output("systemctl list-units --failed --plain --no-legend") == ""


def test_security_updates_install_themselves(host: Host) -> None:
    settings = host.check_output("apt-config dump APT::Periodic::Unattended-Upgrade")
    assert settings == 'APT::Periodic::Unattended-Upgrade "1";'
    assert host.service("unattended-upgrades").is_enabled


def test_journal_has_a_limit(host: Host) -> None:
    words = host.check_output("journalctl --output=cat --lines=200 --unit=systemd-journald")
    limits = re.findall(r"(?:System|Runtime) Journal .*?max ([0-9.]+)([MG])", words)
    assert limits, words
    assert all(float(size) * {"M": 1, "G": 1024}[unit] <= 500 for size, unit in limits[-1:])


def test_clock_agrees_with_this_machine(host: Host) -> None:
    assert abs(int(host.check_output("date +%s")) - time.time()) < 60


def test_disk_has_room(host: Host) -> None:
    assert int(host.check_output("df --output=pcent / | tail -n 1").strip().rstrip("%")) < 90


def test_server_knows_its_time_zones(host: Host, site: Site) -> None:
    assert host.file(f"/usr/share/zoneinfo/{site.time_zone}").exists
