"""What answers from outside, and what does not."""

import json
from collections.abc import Mapping

from testinfra.host import Host

from one_api_infra.desired.site import Site
from one_api_infra.remote.probe_client import ProbeClient
from tests.server import slow
from tests.server.slow import Ports


def test_rules_are_loaded_and_drop_by_default(host: Host) -> None:
    loaded = json.loads(host.check_output("nft -j list chain inet one_api_infra input"))
    chains = [entry["chain"] for entry in loaded["nftables"] if "chain" in entry]
    assert [(chain["hook"], chain["policy"]) for chain in chains] == [("input", "drop")]


def test_rules_come_back_after_a_reboot(host: Host) -> None:
    assert host.service("one-api-firewall").is_enabled
    assert host.service("one-api-firewall").is_running


def test_no_roll_back_is_pending(host: Host) -> None:
    assert not host.service("one-api-firewall-rollback.timer").is_running


def test_web_ports_answer(site: Site, open_ports: Ports) -> None:
    assert _silent(site, open_ports[4]) == []


def test_web_ports_answer_over_ipv6(outside6: ProbeClient, site: Site, open_ports: Ports) -> None:
    assert _silent(site, open_ports[6]) == []


def _silent(site: Site, ports: Mapping[int, bool]) -> list[int]:
    """Ports that should answer and do not; where the CA asks DNS, nobody needs 80."""
    needed = (443,) if site.acme_challenge == "dns-01" else (80, 443)
    return [port for port in needed if not ports[port]]


def test_nothing_else_answers(host: Host, site: Site, open_ports: Ports) -> None:
    assert _others(host, site, open_ports[4]) == []


def test_nothing_else_answers_over_ipv6(
    host: Host, site: Site, outside6: ProbeClient, open_ports: Ports
) -> None:
    assert _others(host, site, open_ports[6]) == []


def test_one_api_is_closed_from_outside(site: Site, open_ports: Ports) -> None:
    assert not open_ports[4][site.one_api_port]
    assert not open_ports[4][site.one_api_second_port]


def _others(host: Host, site: Site, found: Mapping[int, bool]) -> list[int]:
    """Ports that answer here without leave."""
    there = {port for port, is_open in found.items() if is_open}
    return sorted(there - slow.allowed(host, site))
