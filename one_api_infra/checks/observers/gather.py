"""One look at a site over all levels, each as far as the one below leads."""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from one_api_infra.checks import http as judged
from one_api_infra.checks import target as targets
from one_api_infra.checks.observation import Exchange, Observation, Port, Target
from one_api_infra.checks.observers import dns, http, network, tls
from one_api_infra.checks.observers.together import together
from one_api_infra.shared import editions
from one_api_infra.shared.server_observation import Server
from one_api_infra.shared.unobserved import NOBODY_ASKED, Unobserved

TOTAL = 25.0
ADDRESSES = 4  # the most of one name that are knocked at

AskServer = Callable[[str], Server | Unobserved]


def nobody(_mark: str) -> Unobserved:
    """There is no way to the server itself."""
    return NOBODY_ASKED


def gather(target: Target, ask_server: AskServer) -> Observation:
    """Everything that can be seen now. ``ask_server`` is given the mark of the probes."""
    names = dns.gather(target)
    observation = _knocked(Observation.of_names(target, time.time(), names))
    with ThreadPoolExecutor(1) as beside:
        closed = beside.submit(_knocked_in_vain, observation)
        observation = _connected(observation)
        mark = secrets.token_hex(8)
        observation = _called(observation, mark)
        server = ask_server(mark)
    ports = (*observation.ports, *closed.result())
    return replace(observation, now=time.time(), ports=ports, server=server)


def fronts(target: Target) -> Observation:
    """What stands before a target's names, before there is a site."""
    names = dns.gather(target)
    knocked = _knocked(Observation.of_names(target, time.time(), names))
    return replace(knocked, fronts=_fronts(knocked))


def _all_addresses(observation: Observation) -> tuple[str, ...]:
    found = (
        a for name in observation.target.domains for a in observation.addresses(name)[:ADDRESSES]
    )
    return tuple(dict.fromkeys(found))


def _knocked(observation: Observation) -> Observation:
    numbers = dict.fromkeys((443, 80), network.OPEN_SECONDS)
    return replace(observation, ports=network.gather(_all_addresses(observation), numbers))


def _knocked_in_vain(observation: Observation) -> tuple[Port, ...]:
    """One API's own ports: silence is what is expected, and nothing else waits for it."""
    target, told = observation.target, _all_addresses(observation)
    ports = dict.fromkeys(target.one_api_ports, network.CLOSED_SECONDS)
    direct = tuple(_direct(target, told))
    chosen = direct if len(direct) == len(told) else (*direct, *target.addresses)
    return network.gather(tuple(dict.fromkeys(chosen)), ports) if ports else ()


def _direct(target: Target, addresses: Iterable[str]) -> list[str]:
    """Those at which no proxy answers."""
    return [each for each in addresses if not target.is_behind(each)]


def _open(observation: Observation, name: str, number: int) -> list[str]:
    """The addresses of a name at which a port is open, IPv4 first."""
    is_open = {
        port.address for port in observation.ports if port == Port(port.address, number, "open")
    }
    return sorted((a for a in observation.addresses(name) if a in is_open), key=lambda a: ":" in a)


def _connected(observation: Observation) -> Observation:
    """TLS for every name, and ``/api/status``, at once."""
    target = observation.target
    open_443 = {name: _open(observation, name, 443) for name in target.domains}
    # A CDN's certificate is its own, and not what is judged here.
    direct = {name: _direct(target, addresses) for name, addresses in open_443.items()}
    looks: list[Callable[[], Any]] = [
        partial(tls.gather, [name], addresses, target.trusted_ca_file)
        for name, addresses in direct.items()
        if addresses
    ]
    late: list[Any] = [None, *[()] * len(looks)]
    with ThreadPoolExecutor(1) as beside:
        fronts = beside.submit(_fronts, observation)
        status, *shaken = together([lambda: _status(target, open_443), *looks], late, TOTAL)
    handshakes = tuple(each for found in shaken for each in found)
    return replace(observation, status=status, handshakes=handshakes, fronts=fronts.result())


def _fronts(observation: Observation) -> tuple[Exchange, ...]:
    """What stands at port 80 of each name, at each address."""
    asked = [
        (name, address)
        for name in observation.target.domains
        for address in _open(observation, name, 80)
    ]
    looks = [partial(http.front, name, address) for name, address in asked]
    late = [Exchange("GET", f"http://{name}/", error="timeout") for name, _address in asked]
    return tuple(together(looks, late, http.TOTAL))


def _status(target: Target, open_443: Mapping[str, list[str]]) -> Exchange | None:
    addresses = open_443[target.domain]
    return http.status(target, addresses[0]) if addresses else None


def _called(observation: Observation, mark: str) -> Observation:
    """The callback routes; those of a site of unknown edition by what its status tells."""
    target = observation.target
    if not target.routes and judged.api_status(observation):
        edition = editions.of_status(judged.api_status(observation))
        target = replace(target, edition=edition.name, routes=targets.routes(edition))
    elif not target.routes:
        target = replace(target, routes=targets.routes(editions.get("one-hub")))
    addresses = _open(observation, target.callback_domain, 443)
    plain = addresses if target.is_proved_by_dns else _open(observation, target.callback_domain, 80)
    if not addresses or addresses[0] not in plain:
        return replace(observation, target=target)
    return replace(observation, target=target, callbacks=http.callbacks(target, addresses[0], mark))
