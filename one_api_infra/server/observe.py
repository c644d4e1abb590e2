"""What the checks want to know of the server itself, as JSON; root only looks, and sends nothing.

Of gateway keys, passwords and tokens nothing comes out but whether they are there.
"""

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from one_api_infra.certificate import HOOK
from one_api_infra.server import callbacks, certificate, monitor, observe_one_api, paths
from one_api_infra.server.local import Site, read_of, run, site, write

MARK = 100  # bytes
LOG_TAIL = 256 * 1024
# Looked at, not used; a folder of ours may be a file system of its own.
PLACES = ("/", "/var", "/tmp", paths.DATA, str(Path(paths.CALLBACK_LOG).parent))  # noqa: S108
ADDRESS = re.compile(r"inet6? ([^/ ]+)")
PUBLISHED = re.compile(r"(tcp|udp) dport (\d+)")
HOLDER = re.compile(r':(\d+)\s+\S+\s+users:\(\("([^"]+)"')


def show(mark: str = "") -> None:
    """Print what is seen; ``mark`` is what the probes of the callback routes carry."""
    print(json.dumps(observe(mark, fresh=True)))


def keep() -> None:
    """Leave what is seen for the monitor, who has no rights to look itself."""
    mark = ""
    with contextlib.suppress(OSError):
        mark = read_of(monitor.USER, paths.PROBE_MARK, MARK).strip()
    seen = json.dumps(observe(mark if re.fullmatch("[0-9a-f]+", mark) else ""))
    write(paths.OBSERVATION, seen, 0o644)


def observe(mark: str = "", *, fresh: bool = False) -> dict[str, Any]:
    """Everything, as plain data; ``fresh``: the database too, at which a unit of its own looks."""
    current = site()
    return {
        "now": time.time(),
        "clock_is_kept": _clock_is_kept(),
        "disk": {mount: _free(mount) for mount in _mounts()},
        "disk_size": {mount: _size(mount) for mount in _mounts()},
        "memory_available": _memory(),
        "addresses": ADDRESS.findall(run("ip", "-o", "addr", "show", "scope", "global")[1]),
        "resolved": {
            name: _resolved(name) for name in (current["domain"], current["callback_domain"])
        },
        "holders": _holders(),
        "failed_units": _failed_units(),
        "firewall": run("nft", "list", "chain", "inet", "one_api_infra", "input")[0] == 0,
        "port_guard": run(paths.PORT_GUARD, "--check")[0] == 0,
        "published": _published(),
        "nginx": {"is_loaded": _nginx_is_loaded()},
        "callback_log": {"path": paths.CALLBACK_LOG, "probes": _probes(mark)},
        "acme_account": _account(),
        "renewal_unit": _renewal_unit(current),
        "monitor": monitor.observe(_uptime()),
        "callbacks": callbacks.observe(_uptime()),
        "one_api": observe_one_api.observe(current, fresh=fresh),
        **certificate.state(current),
    }


def _clock_is_kept() -> bool:
    if run("systemd-detect-virt", "--container")[0] == 0:
        return True  # its host keeps it
    return run("timedatectl", "show", "--property=NTP", "--value")[1] == "yes"


def _mounts() -> list[str]:
    """One place for each file system."""
    found = [place for place in reversed(PLACES) if Path(place).exists()]
    there = {Path(place).stat().st_dev: place for place in found}
    return sorted(there.values())


def _free(mount: str) -> float:
    """MiB that can still be written there."""
    found = os.statvfs(mount)
    return found.f_bavail * found.f_frsize / 2**20


def _size(mount: str) -> float:
    found = os.statvfs(mount)
    return found.f_blocks * found.f_frsize / 2**20


def _published() -> list[str]:
    """Ports that Docker hands on before the firewall is asked; loopback's own are none."""
    rules = run("nft", "list", "chain", "ip", "nat", "DOCKER")[1].splitlines()
    return [
        f"{match[2]}/{match[1]}"
        for rule in rules
        if "dnat to" in rule and "ip daddr 127." not in rule and (match := PUBLISHED.search(rule))
    ]


def _memory() -> float:
    """The part that is available, in percent."""
    words = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    available, total = (int(words[name].split()[0]) for name in ("MemAvailable", "MemTotal"))
    return available * 100 / total


def _holders() -> dict[str, str]:
    return dict(HOLDER.findall(run("ss", "-Htlnp")[1]))


def _failed_units() -> list[str]:
    lines = run("systemctl", "list-units", "--failed", "--plain", "--no-legend")[1].splitlines()
    # monitor.ran and ledger.is_fresh say so if they do not recover by their next run.
    own = {f"one-api-{name}.service" for name in ("monitor", "observe", "look", "callbacks")}
    return [line.split()[0] for line in lines if line.split() and line.split()[0] not in own]


def _resolved(name: str) -> list[str]:
    """Where this server is led by a name, /etc/hosts and all."""
    with contextlib.suppress(OSError):
        found = socket.getaddrinfo(name, 443, proto=socket.IPPROTO_TCP)
        return sorted({str(each[4][0]) for each in found})
    return []


def _uptime() -> float:
    """Seconds since this system came up; /proc/uptime is the machine's, in a container too."""
    booted = run("systemctl", "show", "--property=UserspaceTimestampMonotonic", "--value")[1]
    return time.monotonic() - int(booted or 0) / 1e6


def _nginx_is_loaded() -> bool:
    loaded = Path(paths.NGINX_LOADED)
    return loaded.exists() and loaded.read_text().strip() == run(paths.NGINX_SUM)[1]


def _probes(mark: str) -> list[str]:
    """The lines of the callback log that hold the mark; the log may hold any bytes."""
    if not mark:
        return []
    with contextlib.suppress(OSError), Path(paths.CALLBACK_LOG).open("rb") as stream:
        stream.seek(max(Path(paths.CALLBACK_LOG).stat().st_size - LOG_TAIL, 0))
        lines = stream.read().decode("utf-8", "replace").split("\n")
        return [line[:500] for line in lines if mark in line][:20]
    return []


def _account() -> str:
    """The URL of certbot's ACME account; the newest where there are several."""
    found = sorted(Path(paths.LETSENCRYPT).glob("accounts/**/regr.json"), key=os.path.getmtime)
    with contextlib.suppress(OSError, ValueError, IndexError):
        return str(json.loads(found[-1].read_text()).get("uri", ""))
    return ""


def _renewal_unit(site: Site) -> dict[str, Any] | None:
    if site["certificate"] != "acme":
        return None
    timer = _unit("one-api-certificate.timer", "ActiveState", "UnitFileState")
    service = _unit("one-api-certificate.service", "Result", "ExecMainExitTimestampMonotonic")
    ended = float(service["ExecMainExitTimestampMonotonic"] or 0) / 1e6
    return {
        "is_active": timer["ActiveState"] == "active",
        "is_enabled": timer["UnitFileState"] == "enabled",
        "result": service["Result"],
        "ran": time.time() - (time.monotonic() - ended) if ended else 0,
        "uptime": _uptime(),
        "hook": _hook(),
    }


def _unit(name: str, *properties: str) -> dict[str, str]:
    lines = run("systemctl", "show", f"--property={','.join(properties)}", name)[1].splitlines()
    return dict.fromkeys(properties, "") | dict(line.split("=", 1) for line in lines if "=" in line)


def _hook() -> dict[str, Any]:
    """The last run of the deploy hook, and whether it can run at all."""
    hook, result = Path(HOOK), Path(paths.HOOK_RESULT)
    found: Mapping[str, Any] = {"ok": True, "message": ""}
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(result.read_text())
    program = hook.read_text().split("\n")[-2].split()[1:2] if hook.exists() else []
    can_run = os.access(hook, os.X_OK) and bool(program) and os.access(program[0], os.X_OK)
    return {"ok": found["ok"], "message": found["message"], "can_run": can_run}
