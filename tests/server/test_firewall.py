"""What answers from outside, and what does not."""

import json
import re

from testinfra.host import Host

from one_api_infra.outside import Outside
from one_api_infra.site import Site


def test_rules_are_loaded_and_drop_by_default(host: Host) -> None:
    loaded = json.loads(host.check_output("nft -j list chain inet one_api_infra input"))
    chains = [entry["chain"] for entry in loaded["nftables"] if "chain" in entry]
    assert [(chain["hook"], chain["policy"]) for chain in chains] == [("input", "drop")]


def test_rules_come_back_after_a_reboot(host: Host) -> None:
    assert host.service("one-api-firewall").is_enabled
    assert host.service("one-api-firewall").is_running


def test_no_roll_back_is_pending(host: Host) -> None:
    assert not host.service("one-api-firewall-rollback.timer").is_running


def test_web_ports_answer(outside: Outside) -> None:
    assert [port for port in (80, 443) if not outside.is_open(port)] == []


def test_web_ports_answer_over_ipv6(outside6: Outside) -> None:
    assert [port for port in (80, 443) if not outside6.is_open(port)] == []


def test_nothing_else_answers(host: Host, site: Site, outside: Outside) -> None:
    assert _others(host, site, outside) == []


def test_nothing_else_answers_over_ipv6(host: Host, site: Site, outside6: Outside) -> None:
    assert _others(host, site, outside6) == []


def test_one_api_is_closed_from_outside(site: Site, outside: Outside) -> None:
    assert not outside.is_open(site.one_api_port)


def _others(host: Host, site: Site, outside: Outside) -> list[int]:
    """Ports on which something listens beyond loopback, and that answer here without leave."""
    listening = host.check_output("ss -Htln").splitlines()
    ssh = re.findall(r"^port (\d+)", host.check_output("sshd -T"), re.M)
    allowed = {80, 443, *map(int, ssh), *site.open_tcp_ports}
    found: set[int] = set()
    for line in listening:
        address, port = line.split()[3].rsplit(":", 1)
        if not address.startswith(("127.", "[::1]")):
            found.add(int(port))
    return [port for port in sorted(found - allowed) if outside.is_open(port)]
