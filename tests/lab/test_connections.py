"""Every way in: an ordinary user with sudo, another ssh port, a jump host."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from one_api_infra.remote import ssh
from tests.lab.sites import ROOT, LabSite

COMMAND = str(Path(sys.executable).with_name("one-api-infra"))
COMMANDS = (
    [COMMAND, "status"],
    [COMMAND, "order", "nobody"],
    [COMMAND, "report", "--output", "reports/lab"],
    [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/server"],
)
PASSWORD = "canary-Sudo-4415"


def _make_admin(site: LabSite, rule: str) -> None:
    """An ordinary user as cloud images have one."""
    site.host.ssh(
        "useradd --create-home --shell /bin/bash admin && cp -r /root/.ssh /home/admin/"
        " && chown -R admin: /home/admin/.ssh && chpasswd"
        f" && echo 'admin ALL=(ALL) {rule}ALL' >/etc/sudoers.d/admin",
        stdin=f"admin:{PASSWORD}\n",
    )
    site.inventory(ssh_user="admin", _sudo=True)


@pytest.mark.long
def test_user_with_sudo(blank: Callable[[str], LabSite]) -> None:
    """As cloud images come; the first run, a second one, and the verification."""
    site = blank("debian-12")
    _make_admin(site, "NOPASSWD:")
    site.converge()
    assert site.deploy("-y", "--json").changed == []
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout


def test_a_pinned_key_is_known_without_known_hosts(site: LabSite) -> None:
    """And another key is refused by every command, though known_hosts would have it."""
    shown = site.host.ssh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    server = ssh.Server("pinned", site.settings | {"ssh_fingerprint": shown})
    assert server.run("id -un", 10.0) == ("root\n", "")
    other = ssh.Server("other", site.settings | {"ssh_fingerprint": "SHA256:" + "A" * 43})
    assert "Host key verification failed" in other.run("id -un", 10.0)[1]
    site.inventory(ssh_fingerprint="SHA256:" + "A" * 43)
    refused = site.deploy("-y")
    assert "ssh_fingerprint" in refused.stderr
    site.settings.pop("ssh_fingerprint")


@pytest.mark.long
def test_user_whose_sudo_asks_for_a_password(site: LabSite) -> None:
    _make_admin(site, "")
    refused = site.deploy("-y")
    assert refused.code != 0
    assert "set ONE_API_INFRA_SUDO_PASSWORD" in refused.stderr
    site.inventory(log_days=90, environment={"RELAY_TIMEOUT": "0"})
    site.host.ssh(
        "systemd-run --quiet --unit=sampler sh -c 'while :; do cat /proc/[0-9]*/cmdline"
        ' 2>/dev/null | tr "\\\\0" " "; sleep 0.01; done >/root/arguments\''
    )
    done = site.deploy("-y", "--json", "-vv", ONE_API_INFRA_SUDO_PASSWORD=PASSWORD)
    assert done.code == 0, done.stderr
    assert len(done.changed) >= 3
    again = site.deploy("-y", "--json", ONE_API_INFRA_SUDO_PASSWORD=PASSWORD)
    assert again.changed == []
    given = site.environment(ONE_API_INFRA_SUDO_PASSWORD=PASSWORD)
    for command in COMMANDS:
        asked = subprocess.run(
            command, cwd=ROOT, env=given, capture_output=True, text=True, check=False
        )
        # Nobody is no order's number: it is asked for all the same, and not found.
        assert asked.returncode == int("nobody" in command), asked.stdout + asked.stderr
        assert "sudo" not in asked.stdout + asked.stderr
        assert PASSWORD not in asked.stdout + asked.stderr
    arguments = site.host.ssh("systemctl stop sampler; cat /root/arguments")
    assert "sudo -H -A -k" in arguments  # the sampler has seen the run
    assert PASSWORD not in arguments
    assert PASSWORD not in done.stdout + done.stderr
    assert site.host.ssh("find /tmp /run/user -name 'askpass.*'") == ""


def test_another_ssh_port(site: LabSite) -> None:
    site.host.ssh(
        "printf 'Port 2222\\n' >/etc/ssh/sshd_config.d/port.conf && nft flush ruleset"
        " && systemctl restart ssh"
    )
    site.inventory(ssh_port=2222)
    done = site.deploy("-y", "--json")
    assert done.code == 0, done.stderr
    assert any("Close every port" in name for name in done.changed)
    assert site.deploy("-y", "--json").changed == []
    assert (site.outside.is_open(2222), site.outside.is_open(22)) == (True, False)


@pytest.mark.long
def test_through_a_jump_host(
    clone: Callable[[str], LabSite], blank: Callable[[str], LabSite], tmp_path: Path
) -> None:
    """The server's ssh is closed to everybody but the jump host."""
    site, jump = clone("debian-13"), blank("debian-13")
    router = site.lab.network.service("router")
    site.host.ssh(
        "nft add table inet bastion && nft 'add chain inet bastion input"
        " { type filter hook input priority -10; }' && nft add rule inet bastion input"
        f" ip saddr {router} tcp dport 22 drop && systemctl kill --signal=KILL 'ssh@*' || true"
    )
    hosts = tmp_path / "known_hosts"
    hosts.write_text(site.host.known_hosts.read_text() + jump.host.known_hosts.read_text())
    configuration = tmp_path / "ssh_config"
    common = f"    User root\n    IdentityFile {site.host.key}\n    UserKnownHostsFile {hosts}\n"
    configuration.write_text(
        f"Host jump\n    HostName {jump.host.address}\n{common}"
        f"Host {site.host.address}\n    ProxyJump jump\n{common}"
    )
    direct = site.deploy("-y")
    assert direct.code != 0
    site.inventory(ssh_config_file=str(configuration), ssh_known_hosts_file=str(hosts), log_days=99)
    done = site.deploy("-y", "--json")
    assert done.code == 0, done.stderr
    assert done.changed != []
    assert site.deploy("-y", "--json").changed == []
