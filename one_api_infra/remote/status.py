"""One look at a host of the inventory: from this machine, and by the agent on the server."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from one_api_infra.checks import agent, target
from one_api_infra.checks.observation import Observation
from one_api_infra.checks.observers.gather import AskServer, gather
from one_api_infra.desired.site import INVENTORY, Site
from one_api_infra.remote import ssh
from one_api_infra.remote.ssh import address
from one_api_infra.shared import paths
from one_api_infra.shared.server_observation import Server
from one_api_infra.shared.unobserved import Unobserved

SECONDS = 15.0  # for one command on the server


def observe(name: str, data: Mapping[str, Any], inventory: str = INVENTORY) -> Observation:
    """One look at a host of the inventory, from here and from the server itself."""
    site = Site.parse(data, inventory)
    server = ssh.Server(name, data)
    with ThreadPoolExecutor(1) as beside:
        # It takes eight round trips, while others are asked.
        connected = beside.submit(ssh.connect, server.configuration, name)
        here = beside.submit(server.run, "hostname -I", SECONDS)
        observation = gather(target.of_settings(site.public()), ask(server, connected))
    connected_to = address(name, data)
    told, _error = here.result()
    # Without the server's word its IPv6 address is not known, and nothing can be "elsewhere".
    addresses = (connected_to, *told.split()) if told else ()
    return replace(observation, target=target.of_settings(site.public(), addresses))


def ask(server: ssh.Server, connected: Future[Any]) -> AskServer:
    """A function that asks the agent over ssh, once ``connected`` is done."""

    def asked(mark: str) -> Server | Unobserved:
        wait([connected])
        return agent.parse(*server.run(paths.agent(f"observe {mark}"), SECONDS))

    return asked
