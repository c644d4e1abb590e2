"""The firewall's ports."""

from collections.abc import Mapping

import pytest

from one_api_infra.desired import firewall
from one_api_infra.desired.snapshot import Snapshot
from tests.unit.desired.test_preflight import SOUND
from tests.unit.examples import site


def snapshot(*listeners: str, ssh_socket: str = "") -> Snapshot:
    units: dict[str, Mapping[str, str]] = {"ssh.socket": {"Listen": ssh_socket}}
    return Snapshot(probes={"listeners": listeners}, units=units)


def test_ssh_is_kept_on_the_port_in_use() -> None:
    line = 'tcp LISTEN 0 128 0.0.0.0:2222 0.0.0.0:* users:(("sshd",pid=1,fd=3))'
    assert firewall.ports(site(), snapshot(line)) == (80, 443, 2222)


def test_ssh_that_systemd_holds() -> None:
    line = 'tcp LISTEN 0 128 *:2022 *:* users:(("systemd",pid=1,fd=3))'
    assert firewall.ssh_ports(snapshot(line, ssh_socket="[::]:2022 (Stream)")) == (2022,)


def test_own_ports_are_opened() -> None:
    look = Snapshot(probes=SOUND)
    assert firewall.ports(site(open_ports=[8443]), look) == (22, 80, 443, 8443)


def test_udp_is_opened_as_named() -> None:
    made = firewall.rules(site(open_ports=["51820/udp", "8443/tcp"]), Snapshot(probes=SOUND)).data
    assert b"udp dport { 51820 } accept" in made
    assert b"tcp dport { 22, 80, 443, 8443 } accept" in made


def test_rules_of_a_blank_look_do_not_lock_out() -> None:
    assert b"tcp dport { 22, 80, 443 } accept" in firewall.rules(site(), Snapshot()).data


def test_candidate_becomes_the_rules_only_when_confirmed() -> None:
    assert f"mv -fT {firewall.CANDIDATE}" not in firewall.apply_script()
    assert f"mv -fT {firewall.CANDIDATE}" in firewall.confirm_script()


@pytest.mark.parametrize(
    "line",
    [
        'tcp LISTEN 0 4096 0.0.0.0:5355 0.0.0.0:* users:(("systemd-resolve",pid=5,fd=12))',
        'tcp LISTEN 0 4096 [::ffff:127.0.0.1]:9200 *:* users:(("java",pid=5,fd=12))',
    ],
)
def test_what_is_nobodys_server_is_not_told(line: str) -> None:
    assert firewall.closed(site(), snapshot(line)) == {}
