"""What the checks want to know of the server itself; root only looks, and sends nothing.

Each part is looked at by itself: one that cannot be is told as such, and hides no other.
"""

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from one_api_infra.server import (
    attempt,
    backup,
    certbot,
    certificate,
    files,
    nginx,
    observe_callbacks,
    observe_monitor,
    observe_one_api,
    observe_tunnels,
)
from one_api_infra.server import process as process_of
from one_api_infra.server.local import CommandError, read_of, run, site, write
from one_api_infra.shared import paths, plain, units
from one_api_infra.shared.certificate import AUTHENTICATORS, HOOK, Certificate
from one_api_infra.shared.process import Holder
from one_api_infra.shared.server_observation import (
    CallbackLog,
    Firewall,
    Hook,
    Mount,
    Nginx,
    Renewal,
    Server,
)
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.unobserved import Unobserved

T = TypeVar("T")
FIRST_ANSWER = 600.0  # seconds after the start

UNUSED = "example.com"
MARK = 100  # bytes
LOG_TAIL = 256 * 1024
# Looked at, not used; a folder of ours may be a file system of its own.
PLACES = ("/", "/var", "/tmp", paths.DATA, str(Path(paths.CALLBACK_LOG).parent))  # noqa: S108
PUBLISHED = re.compile(r"(tcp|udp) dport (\d+)")
HOLDER = re.compile(r':(\d+)\s+\S+\s+users:\(\("([^"]+)",pid=(\d+)')
NOT_SEEN = (OSError, ValueError, LookupError, TypeError, CommandError)


def show(mark: str = "") -> None:
    """Print what is seen; ``mark`` is what the probes of the callback routes carry."""
    print(plain.write(observe(mark, fresh=True)), end="")


def keep() -> None:
    """Leave what is seen for the monitor, who has no rights to look itself."""
    mark = ""
    with contextlib.suppress(OSError):
        mark = read_of(observe_monitor.USER, paths.PROBE_MARK, MARK).strip()
    seen = observe(mark if re.fullmatch("[0-9a-f]+", mark) else "")
    write(paths.OBSERVATION, plain.write(seen), 0o644)


def observe(mark: str = "", *, fresh: bool = False) -> Server:
    """Everything; ``fresh`` adds nginx -t, the resolver and a new database look."""
    current = site()
    with ThreadPoolExecutor(1) as beside:
        # One API's database is looked at by another process: as long as all the rest.
        api = beside.submit(_seen, lambda: observe_one_api.observe(current, fresh=fresh))
        return Server(
            now=time.time(),
            uptime=_uptime(),
            clock_is_kept=_seen(_clock_is_kept),
            mounts=_seen(lambda: {mount: _mount(mount) for mount in _mounts()}),
            memory_available=_seen(_memory),
            reboot_for=_seen(_reboot_for),
            holders=_seen(_holders),
            failed_units=_seen(_failed_units),
            idle_units=_seen(files.idle_units),
            drop_ins=_seen(files.drop_ins),
            lacking=_seen(files.lacking),
            deviations=_seen(files.deviations),
            firewall=_seen(_firewall),
            nginx=_seen(lambda: _nginx(current, fresh=fresh)),
            resolver=_seen(lambda: _resolver(current)) if fresh else "",
            callback_log=_seen(lambda: CallbackLog(paths.CALLBACK_LOG, _probes(mark))),
            acme_account=_seen(_account),
            certificates=_seen(lambda: _certificates(current)),
            renewal=_seen(lambda: _renewal(current)),
            monitor=_seen(observe_monitor.observe),
            callbacks=_seen(lambda: observe_callbacks.observe(current)),
            backup=_seen(lambda: backup.observe(current)),
            tunnels=_seen(lambda: observe_tunnels.observe(current)),
            one_api=api.result(),
        )


def _seen(gather: Callable[[], T]) -> T | Unobserved:
    try:
        return gather()
    except NOT_SEEN as error:
        return Unobserved(f"{type(error).__name__}: {error}")


# timedatectl knows only those that say so to it (/usr/lib/systemd/ntp-units.d).
OWN_CLOCKS = ("ntpsec.service", "openntpd.service")


def _clock_is_kept() -> bool:
    if run("systemd-detect-virt", "--container")[0] == 0:
        return True  # its host keeps it
    told = run("timedatectl", "show", "--property=NTP", "--property=NTPSynchronized")[1]
    if "active" in run("systemctl", "is-active", *OWN_CLOCKS)[1].split():
        told += "NTP=yes\n"
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return clock_is_kept(told.splitlines(), uptime)


def clock_is_kept(told: Sequence[str], uptime: float) -> bool:
    """Whether NTP is on, and some server has answered since the start."""
    return "NTP=yes" in told and ("NTPSynchronized=yes" in told or uptime < FIRST_ANSWER)


def _mounts() -> list[str]:
    """One place for each file system."""
    found = [place for place in reversed(PLACES) if Path(place).exists()]
    there = {Path(place).stat().st_dev: place for place in found}
    return sorted(there.values())


def _mount(mount: str) -> Mount:
    found = os.statvfs(mount)
    free, size = (blocks * found.f_frsize / 2**20 for blocks in (found.f_bavail, found.f_blocks))
    inodes = found.f_favail * 100 / found.f_files if found.f_files else 100.0
    return Mount(free, size, inodes)


def _firewall() -> Firewall:
    code, rules = run("nft", "-t", "list", "table", "inet", "one_api_infra")
    found = files.sha256(f"{rules}\n".encode())
    return Firewall(
        is_loaded=code == 0,
        is_as_loaded=found == Path(paths.FIREWALL_LOADED).read_text().split()[0],
        is_guarded=run(paths.PORT_GUARD, "--check")[0] == 0,
        published=tuple(_published()),
    )


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


def _reboot_for() -> tuple[str, ...]:
    if not Path(paths.REBOOT_REQUIRED).exists():
        return ()
    packages = Path(f"{paths.REBOOT_REQUIRED}.pkgs")
    return tuple(sorted(set(packages.read_text().split()))) if packages.exists() else ("Debian",)


def _holders() -> dict[str, Holder]:
    found = HOLDER.findall(run("ss", "-Htlnp")[1])
    return {
        port: Holder(name, int(process), process_of.unit_of(process), process_of.file_of(process))
        for port, name, process in found
    }


def _failed_units() -> tuple[str, ...]:
    lines = run("systemctl", "list-units", "--failed", "--plain", "--no-legend")[1].splitlines()
    # monitor.ran and ledger.is_fresh say so if they do not recover by their next run.
    own = {f"one-api-{name}.service" for name in ("monitor", "observe", "look", "callbacks")}
    failed = [line.split()[0] for line in lines if line.split()]
    return tuple(name for name in failed if name not in own)


def _uptime() -> float:
    """Seconds since this system came up; /proc/uptime is the machine's, in a container too."""
    booted = run("systemctl", "show", "--property=UserspaceTimestampMonotonic", "--value")[1]
    return time.monotonic() - (int(booted) if booted.isdigit() else 0) / 1e6


def _nginx(site: SiteFile, *, fresh: bool) -> Nginx:
    closed = nginx.closed_folder()  # before nginx is asked: its test would mend that
    return Nginx(
        is_loaded=_nginx_is_loaded(),
        is_as_written=nginx.is_as_written(),
        rivals=nginx.rivals(site),
        # It opens its logs: the monitor's own step may not.
        problem=nginx.problem() if fresh else "",
        closed=closed,
    )


def _resolver(site: SiteFile) -> str:
    """The name that this server cannot look up; empty if its resolver answers, be it with no."""
    from one_api_infra.checks.observers import dns  # noqa: PLC0415  # the monitor needs it not

    host = urlsplit(site.acme_server).hostname or ""
    name = host if host.strip("0123456789.") else UNUSED
    return name if dns.ask(name, "own", "").error not in {"", "NXDOMAIN"} else ""


def _nginx_is_loaded() -> bool:
    loaded = Path(paths.NGINX_LOADED)
    return loaded.exists() and loaded.read_text().strip() == run(paths.NGINX_SUM)[1]


def _probes(mark: str) -> tuple[str, ...]:
    """The lines of the callback log that hold the mark; the log may hold any bytes."""
    if not mark:
        return ()
    with contextlib.suppress(FileNotFoundError), Path(paths.CALLBACK_LOG).open("rb") as stream:
        stream.seek(max(Path(paths.CALLBACK_LOG).stat().st_size - LOG_TAIL, 0))
        lines = stream.read().decode("utf-8", "replace").split("\n")
        return tuple([line[:500] for line in lines if mark in line][:20])
    return ()


def _account() -> str:
    """The URL of certbot's ACME account; the newest where there are several."""
    found = sorted(Path(paths.LETSENCRYPT).glob("accounts/**/regr.json"), key=os.path.getmtime)
    with contextlib.suppress(OSError, ValueError, IndexError):
        return str(json.loads(found[-1].read_text()).get("uri", ""))
    return ""


def _certificates(site: SiteFile) -> tuple[Certificate, ...]:
    return tuple(certificate.observe(site))


def _renewal(site: SiteFile) -> Renewal | None:
    if site.certificate != "acme":
        return None
    timer = _unit(units.CERTIFICATE_TIMER, "ActiveState", "UnitFileState")
    service = _unit(units.CERTIFICATE, "Result", "ExecMainExitTimestampMonotonic")
    notes = certbot.renewal(site.domain)
    ended = float(service["ExecMainExitTimestampMonotonic"] or 0) / 1e6
    return Renewal(
        is_active=timer["ActiveState"] == "active",
        is_enabled=timer["UnitFileState"] == "enabled",
        result=service["Result"],
        ran=time.time() - (time.monotonic() - ended) if ended else 0.0,
        hook=_hook(),
        notes=notes,
        has_account=certbot.has_account(notes),
        authenticator=AUTHENTICATORS[site.acme_challenge],
        last=attempt.left(paths.RENEWAL),
        rehearsal=attempt.left(paths.REHEARSAL),
        has_staging=bool(site.acme_staging_server),
    )


def _unit(name: str, *properties: str) -> Mapping[str, str]:
    lines = run("systemctl", "show", f"--property={','.join(properties)}", name)[1].splitlines()
    return dict.fromkeys(properties, "") | dict(line.split("=", 1) for line in lines if "=" in line)


def _hook() -> Hook:
    """The last run of the deploy hook, and whether it can run at all."""
    hook, result = Path(HOOK), Path(paths.HOOK_RESULT)
    ok, message = True, ""
    # What cannot be read tells of no failure; its effect is seen on the wire all the same.
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        found = json.loads(result.read_text())
        ok, message = bool(found["ok"]), str(found["message"])
    lines = hook.read_text().split("\n") if hook.exists() else []
    program = lines[-2].split()[1:2] if len(lines) > 1 else []
    can_run = os.access(hook, os.X_OK) and bool(program) and os.access(program[0], os.X_OK)
    return Hook(ok, message, can_run)
