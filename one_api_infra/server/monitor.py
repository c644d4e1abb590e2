"""The monitor on the server: look, judge, tell when a verdict has changed.

A run has three steps, so that nobody has more rights than the step needs: ``look`` goes out to
the network as a user without rights, ``observe.keep`` looks inside as root and goes nowhere, and
``judge`` reads what both left, and tells.
"""

import contextlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from one_api_infra.checks import alerts, catalogue, host, message, target
from one_api_infra.checks.alerts import Memory
from one_api_infra.checks.host import Room
from one_api_infra.checks.observation import Observation, Target
from one_api_infra.server import metrics, notify, observe_monitor
from one_api_infra.server.local import run, site, write
from one_api_infra.server.observe_monitor import STATES
from one_api_infra.shared import outbox, paths, plain
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.server_observation import Server
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.texts import _
from one_api_infra.shared.unobserved import Unobserved

LOOPBACK = ("127.0.0.1",)
FRESH = 170.0  # seconds: of this run of the monitor, not of the one before


def look() -> None:
    """Look from here at what the world sees, and leave it for ``judge``."""
    # Imported here: the other commands on the server need neither DNS nor OpenSSL's wrapper.
    from one_api_infra.checks.observers.gather import gather  # noqa: PLC0415

    observation = gather(_target(site()), _leave_mark)
    write(paths.OUTSIDE, plain.write(observation))


def _leave_mark(mark: str) -> Unobserved:
    write(paths.PROBE_MARK, mark, 0o644)
    return Unobserved("", "unobserved")


def _target(site: SiteFile) -> Target:
    """The site as this server can see it: behind a NAT it may not reach its own address."""
    words = run("ip", "-o", "addr", "show", "scope", "global")[1]
    own = [word.split("/")[0] for line in words.splitlines() for word in line.split()[3:4]]
    known = [each for each in own if site.lab or target.is_global(each)]
    behind_nat = {ip_address(each).version for each in own}
    behind_nat -= {ip_address(each).version for each in known}
    found = replace(target.of_settings(site, known), behind_nat=tuple(sorted(behind_nat)))
    roots = paths.TRUSTED_CA if found.trusted_ca_file else None
    # From inside, the firewall is not passed: whether ports are closed is for others to see.
    return replace(found, trusted_ca_file=roots, connect_to=LOOPBACK, one_api_ports=())


def judge() -> None:
    """Judge what was seen, write the metrics, tell what has changed, and give a sign of life."""
    current = site()
    os.environ["ONE_API_INFRA_LANGUAGE"] = current.language
    state, now = observe_monitor.state(), time.time()
    observation, rooms = _observation(current, state["rooms"], now)
    verdicts = catalogue.judge(observation)
    memory, due = alerts.decide(
        Memory.parse(state["memory"]), verdicts, observation.now, current.alert_quiet_minutes * 60
    )
    if due:
        title, body = message.title(current.domain, due), message.body(due)
        state["outbox"] += outbox.messages(title, body, notify.channels(), now)
        print(title, body, sep="\n", flush=True)
    state |= {"memory": memory.plain(), "ran": observation.now, "rooms": rooms}
    _save(state)  # before anything is sent: a run that dies must not tell it twice
    state["outbox"], state["undelivered"] = notify.send(state["outbox"])
    _save(state)
    try:
        metrics.write(verdicts, observation, undelivered=len(state["undelivered"]))
    except OSError:  # a full disk is what was told: better none than those of before
        with contextlib.suppress(OSError):
            Path(paths.METRICS).unlink()
    write(paths.MONITOR_RAN, "", 0o644)  # the watchdog's
    notify.heartbeat()


def _observation(
    current: SiteFile, rooms: Sequence[Room], now: float
) -> tuple[Observation, list[Room]]:
    """Both looks of this run as one, and the room on the disks up to now."""
    server = _server(now)
    if isinstance(server, Server) and not isinstance(server.mounts, Unobserved):
        rooms = [*rooms, (now, {mount: each.free for mount, each in server.mounts.items()})]
    rooms = host.recent(rooms)
    lasts = host.minutes_to_full(rooms)
    return replace(_outside(current, now), server=server, minutes_to_full=lasts, now=now), rooms


def _outside(current: SiteFile, now: float) -> Observation:
    try:
        observation = plain.read(Observation, Path(paths.OUTSIDE).read_text())
        error = "" if now - observation.now < FRESH else _("what was left is old")
    except (OSError, PlainError) as failure:
        observation, error = Observation(target.of_settings(current), now), str(failure)
    return replace(observation, outside_error=error)


def _server(now: float) -> Server | Unobserved:
    try:
        observation = plain.read(Server, Path(paths.OBSERVATION).read_text())
    except (OSError, PlainError) as error:
        return Unobserved(str(error), "unobserved")
    return (
        observation
        if now - observation.now < FRESH
        else Unobserved(_("what was left is old"), "unobserved")
    )


def _save(state: Mapping[str, Any]) -> None:
    """On the disk; while it is full in memory, so that people are told of that, and told once."""
    try:
        write(STATES[0], json.dumps(state), 0o644)
    except OSError as error:
        print(_("The monitor's state is kept in memory: {error}", error=error), flush=True)
        write(STATES[1], json.dumps(state), 0o644)
