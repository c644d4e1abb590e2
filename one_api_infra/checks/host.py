"""Level 0: the server that everything stands on. Most of it only the preflight looks at."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level
from one_api_infra.shared.server_observation import Callbacks, Mount
from one_api_infra.shared.texts import N_
from one_api_infra.shared.unobserved import observed

CLOCK_SECONDS = 120  # WeChat Pay and Stripe refuse signatures older than 300 s
DISK_MIB = 200
DISK_PERCENT, DISK_FEW_MIB = 3, 2048
FILLING_MINUTES = 60
TREND_SECONDS = 300.0
Room = tuple[float, Mapping[str, float]]  # when, and the MiB that are free on each mount

MEMORY_PERCENT = 3
NIGHT = 4
FREE = N_("free space (`apt-get clean`, `journalctl --vacuum-size=100M`)")


def _clock(observation: Observation) -> Finding:
    off = observation.on_server.now - observation.now
    if is_off(off):
        return Found("off", f"{off:+.0f} s", {"seconds": round(off)})
    return None if observed(observation.on_server.clock_is_kept) else Found("unkept")


def _disk(observation: Observation) -> Finding:
    for mount, room in sorted(observed(observation.on_server.mounts).items()):
        minutes = observation.minutes_to_full.get(mount, FILLING_MINUTES)
        if found := _room(mount, room, minutes):
            return found
    return None


def lacking(mount: str, free: float, need: int) -> dict[str, object]:
    """What is said of a mount with less than ``need`` MiB free; empty where there is enough."""
    return {"mount": mount, "free": round(free), "need": need} if free < need else {}


def is_off(seconds: float) -> bool:
    """Whether a clock that far from the true time makes gateways refuse signatures."""
    return abs(seconds) > CLOCK_SECONDS


def _room(mount: str, room: Mount, minutes: float) -> Found | None:
    is_large = room.free >= DISK_FEW_MIB
    need = DISK_MIB if is_large else max(DISK_MIB, round(room.size * DISK_PERCENT / 100))
    observation = f"{mount}: {room.free:.0f} MiB"
    if lack := lacking(mount, room.free, need):
        return Found("full", observation, lack)
    if room.inodes < DISK_PERCENT:
        return Found("files", f"{mount}: {room.inodes:.1f} %", {"mount": mount})
    if minutes < FILLING_MINUTES:
        return Found("filling", observation, {"mount": mount, "minutes": round(minutes)})
    return None


def minutes_to_full(samples: Sequence[Room]) -> dict[str, float]:
    """How long the room on each mount lasts if it shrinks on as it did in all ``samples``.

    A burst (a backup, an upgrade) fills no disk: nothing is said before ``TREND_SECONDS``, and the
    slowest part counts.
    """
    if not samples or samples[-1][0] - samples[0][0] < TREND_SECONDS:
        return {}
    free = samples[-1][1]
    slowest = {mount: _slowest(samples, mount) for mount in free}
    return {mount: free[mount] / each / 60 for mount, each in slowest.items() if each > 0}


def _slowest(samples: Sequence[Room], mount: str) -> float:
    """MiB a second by which the room shrinks at least."""
    return min(
        (before.get(mount, 0) - after.get(mount, 0)) / max(until - since, 1)
        for (since, before), (until, after) in pairwise(samples)
    )


def recent(samples: Sequence[Room]) -> list[Room]:
    """The samples that tell of the present trend."""
    return [each for each in samples if 0 <= samples[-1][0] - each[0] <= 2 * TREND_SECONDS]


def _memory(observation: Observation) -> Finding:
    percent = observed(observation.on_server.memory_available)
    if percent < MEMORY_PERCENT:
        return Found("full", f"{percent:.1f} %", {"percent": f"{percent:.1f}"})
    return None


def _reboot(observation: Observation) -> Finding:
    packages = observed(observation.on_server.reboot_for)
    if not packages or observation.target.reboots:
        return None
    callbacks = observation.on_server.callbacks
    hour = callbacks.state.quiet_hour if isinstance(callbacks, Callbacks) else None
    names = ", ".join(packages)
    return Found("needed", names, {"packages": names, "hour": NIGHT if hour is None else hour})


def _resolver(observation: Observation) -> Finding:
    name = observed(observation.on_server.resolver)
    # The monitor asks names from the server itself, and notes who did not answer.
    own = [
        each for each in observation.asked if each.role == "own" and observation.target.connect_to
    ]
    public = any(each.addresses for each in observation.asked if each.role == "public")
    if own and public and all(each.error not in {"", "NXDOMAIN"} for each in own):
        name = own[0].name
    return Found("silent", name, {"name": name}) if name else None


def _rival(observation: Observation) -> Finding:
    for path in observed(observation.on_server.nginx).rivals:
        return Found("wrong", path, {"path": path, "name": observation.target.domain})
    return None


def _preflight(name: str, means: str, cause: str, remedy: str) -> Check:
    return Check(name, Level.HOST, means, {"wrong": Fault(cause, remedy)})


CHECKS = (
    _preflight(
        "system.distribution",
        N_("The server runs Debian 12 or 13, or Ubuntu 24.04"),
        N_("Debian 12 or 13, or Ubuntu 24.04 is needed; this is {name}"),
        N_("install Debian 13 or Ubuntu 24.04 on the server; older ones have no Python 3.11"),
    ),
    _preflight(
        "system.architecture",
        N_("There are releases of One API for the server's architecture"),
        N_("amd64 or arm64 is needed; this is {name}"),
        N_("use a server of these architectures"),
    ),
    _preflight(
        "system.root",
        N_("Commands run as root"),
        N_("commands run as uid {uid}, not as root"),
        N_('add "_sudo": True to the host, or log in as root'),
    ),
    Check(
        "system.disk",
        Level.HOST,
        N_("There is room on the disk"),
        {
            "full": Fault(N_("{mount} has {free} MiB left, less than {need}"), FREE),
            "files": Fault(
                N_("{mount} can take no more files: its inodes are used up"),
                N_("see where they are: `du --inodes -x {mount} | sort -n | tail`"),
            ),
            "filling": Fault(N_("{mount} will be full in {minutes} minutes"), FREE),
        },
        _disk,
    ),
    Check(
        "system.memory",
        Level.HOST,
        N_("There is memory left"),
        {
            "full": Fault(
                N_("{percent} % of the memory is available: One API may be killed at any time"),
                N_("see who uses it: `systemd-cgtop -m`; add memory or swap"),
            )
        },
        _memory,
    ),
    Check(
        "system.reboot",
        Level.HOST,
        N_("No update waits for a reboot"),
        {
            "needed": Fault(
                N_("updates take effect at the next reboot alone: {packages}"),
                N_(
                    "`systemctl reboot`, which cuts the fewest off about {hour}:00 of the server's"
                    " clock; or set `reboot_time`, and it is done then"
                ),
                is_warning=True,
            )
        },
        _reboot,
    ),
    Check(
        "system.clock",
        Level.HOST,
        N_("The server's clock is right, and kept so"),
        {
            "off": Fault(
                N_("the server's clock is {seconds} s off"),
                N_(
                    "`timedatectl set-ntp true`, and let UDP 123 out; if it is this machine's clock"
                    " that is wrong, set that"
                ),
            ),
            "unkept": Fault(
                N_("nothing keeps the server's clock right"),
                N_(
                    "`timedatectl set-ntp true`, and let UDP 123 out, or name a server that answers"
                    " (NTP=ntp.aliyun.com) in /etc/systemd/timesyncd.conf"
                ),
                is_warning=True,
            ),
        },
        _clock,
    ),
    _preflight(
        "firewall.closes_port",
        N_("The firewall cuts off no server of the admin's"),
        N_("{name} listens on port {port}, which the firewall would close"),
        N_('add {entry} to "open_ports", or stop {name}'),
    ),
    Check(
        "system.resolver",
        Level.HOST,
        N_("The server can look up names"),
        {
            "silent": Fault(
                N_(
                    "the server cannot look up {name}: One API reaches no provider, and the"
                    " callback service"
                    " no payment gateway"
                ),
                N_(
                    "let /etc/resolv.conf name a server that answers, e.g. nameserver 223.5.5.5;"
                    " where it is a link to systemd-resolved's file: DNS=223.5.5.5 in"
                    " /etc/systemd/resolved.conf, then `systemctl restart systemd-resolved`"
                ),
            )
        },
        _resolver,
    ),
    Check(
        "nginx.foreign_site",
        Level.HOST,
        N_("No other nginx site of this server has the domain"),
        {
            "wrong": Fault(
                N_("{path} has the name {name} too"),
                N_(
                    "`mv {path} /root/`, `systemctl reload nginx`; or, if that site is needed,"
                    " remove the name from the file"
                ),
            ),
            "listen": Fault(
                N_("{path} listens at {address} itself: no other site is asked there"),
                N_("let its listen lines name the port alone, then `systemctl reload nginx`"),
            ),
        },
        _rival,
    ),
    _preflight(
        "one_api.foreign",
        N_("No other installation of One API is in the way"),
        N_("there is another installation of One API: {path}"),
        N_("move it and its data away, or use another server"),
    ),
    _preflight(
        "one_api.edition",
        N_("The data on the server are of the edition that is wanted"),
        N_("the data here are of {theirs}; {ours} would change them, and there is no way back"),
        N_(
            'set "edition": "{theirs}"; {ours} begins on a server of its own. If {ours} is known to'
            ' take them over and there is a copy: "waive": ["one_api.edition"]'
        ),
    ),
    _preflight(
        "one_api.database",
        N_("The data on the server are in the database that is wanted"),
        N_("One API keeps its data in {theirs} here; with {ours} it would begin with none"),
        N_(
            'set "database_url" as it was (without it One API takes sqlite); if the data were'
            ' brought over: "waive": ["one_api.database"]'
        ),
    ),
    _preflight(
        "certificate.external",
        N_("A certificate that somebody else manages can be served"),
        N_("{path} is not fit to be served: {reason}"),
        N_("put a certificate of a public CA for {names} to {path}, and its key to {key}"),
    ),
)
