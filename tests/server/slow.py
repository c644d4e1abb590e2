"""What takes seconds to see: begun when the tests are collected, done while the quick ones run."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from testinfra.host import Host

from one_api_infra.checks import agent, catalogue, target
from one_api_infra.checks.observers.gather import gather
from one_api_infra.checks.observers.together import together
from one_api_infra.checks.verdict import Verdict
from one_api_infra.desired.site import Site
from one_api_infra.remote.probe_client import ProbeClient
from one_api_infra.remote.ssh import address
from one_api_infra.shared import paths
from one_api_infra.shared.server_observation import Server
from one_api_infra.shared.unobserved import Unobserved

SECONDS = 5.0
Ports = Mapping[int, Mapping[int, bool]]


def verdicts(host: Host, data: Mapping[str, Any]) -> dict[str, Verdict]:
    """One look for all checks, from here and from the server."""

    def ask_server(mark: str) -> Server | Unobserved:
        done = host.run(paths.agent(f"observe {mark}"))
        return agent.parse(done.stdout, done.stderr.strip() if done.rc else "")

    with ThreadPoolExecutor(1) as beside:
        here = beside.submit(host.check_output, "hostname -I")
        settings = Site.parse(data).public()
        seen = gather(target.of_settings(settings), ask_server)
    connected_to = address(host.backend.get_hostname(), data)
    known = target.of_settings(settings, (connected_to, *here.result().split()))
    return {each.id: each for each in catalogue.judge(replace(seen, target=known))}


def open_ports(host: Host, data: Mapping[str, Any]) -> Ports:
    """Which of the ports that could answer from here do, over IPv4 (4) and IPv6 (6)."""
    site = Site.parse(data)
    numbers = {80, 443, site.one_api_port, site.one_api_second_port}
    ways = {family: ProbeClient(site, family=family) for family in (4, 6)}
    with ThreadPoolExecutor(1) as beside:  # One API's own are silent, which takes a second to see
        known = beside.submit(_knocked, ways, numbers)
        more = _knocked(ways, _listening(host) - numbers)
    return {family: {**ports, **more[family]} for family, ports in known.result().items()}


def _knocked(ways: Mapping[int, ProbeClient], numbers: set[int]) -> Ports:
    asked = [(family, n) for family, way in ways.items() if way.address for n in sorted(numbers)]
    looks = [partial(ways[family].is_open, number) for family, number in asked]
    found = dict(zip(asked, together(looks, [False] * len(looks), SECONDS), strict=True))
    return {way: {n: is_open for (f, n), is_open in found.items() if f == way} for way in ways}


def _listening(host: Host) -> set[int]:
    """Ports on which something listens beyond loopback."""
    ends = [line.split()[3].rsplit(":", 1) for line in host.check_output("ss -Htln").splitlines()]
    return {int(port) for address, port in ends if not address.startswith(("127.", "[::1]"))}


def allowed(host: Host, site: Site) -> set[int]:
    """Ports that may answer."""
    ssh = re.findall(r"^port (\d+)", host.check_output("sshd -T"), re.M)
    return {80, 443, *map(int, ssh), *site.open_tcp_ports}
