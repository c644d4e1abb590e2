"""What must hold before anything is changed, judged from one look and the DNS answers."""

import re
import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from one_api_infra.checks import catalogue, dns, host, network, target
from one_api_infra.checks.database import excess
from one_api_infra.checks.observation import Names, Observation
from one_api_infra.checks.verdict import State
from one_api_infra.desired import adoption, firewall, systems
from one_api_infra.desired.resources import Concern, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import database, paths, units
from one_api_infra.shared.database import Address, Database
from one_api_infra.shared.editions import EDITIONS
from one_api_infra.shared.process import Holder
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem

ARCHITECTURES = {"amd64", "arm64"}
FREE_MIB = 1024
# With an address nginx asks it before all that listen at any; 127.x is nobody's way here.
LISTEN = re.compile(
    r"listen\s+((?!0\.0\.0\.0|127\.)[0-9]+(?:\.[0-9]+){3}|\[(?!::1?\])[0-9a-fA-F:]+\])"
    r"(?::(?:80|443)\b|(?=\s|$))"
)
ADDRESSES = "ip -o addr show scope global"

SHARED_NAMES = (units.path(units.ONE_API), f"{paths.NGINX}/conf.d/one-api.conf")

EDITION = f"""sed -n 's/.*"edition": "\\([a-z-]*\\)".*/\\1/p' {paths.SITE} 2>/dev/null"""

Check = Callable[[Site, Snapshot], Iterable[Problem]]


def judge(  # noqa: PLR0913
    site: Site,
    snapshot: Snapshot,
    names: Names,
    connected_to: str,
    now: float | None = None,
    *,
    adopts: bool = False,
) -> tuple[Problem, ...]:
    """Every problem, the waived ones too; ``adopts``: a One API that runs here is expected.

    ``connected_to`` is the address by which the admin reaches the server: behind a cloud's NAT
    the server itself does not know its public address.
    """
    now = time.time() if now is None else now
    checks = (each for each in CHECKS if not (adopts and each in OF_A_BLANK_SERVER))
    found = [problem for check in checks for problem in check(site, snapshot)]
    found += [*_clock(snapshot, now), *_foreign_listen(snapshot, names)]
    found += () if adopts else adoption.unfinished(snapshot)
    own = addresses(snapshot.probe("addresses"))
    problems = leads(site, names, (connected_to, *own), now)
    if site.moves_from:  # that server hands everything on
        problems = tuple(each for each in problems if each.path != "dns.points_here")
    return (*found, *problems)


def addresses(told: str) -> tuple[str, ...]:
    """A server's own addresses, from what ``ADDRESSES`` tells."""
    return tuple(re.findall(r"inet6? ([^/ ]+)", told))


def leads(
    site: Site, names: Names, addresses: tuple[str, ...], now: float | None = None
) -> tuple[Problem, ...]:
    """Why DNS does not lead to these addresses: the failed checks, judged as ``status`` does."""
    now = time.time() if now is None else now
    known = replace(target.of_settings(site.public(), addresses), waive=())
    observation = Observation.of_names(known, now, names)
    return tuple(
        Problem(verdict.id, f"{verdict.cause} ({verdict.evidence})", verdict.remedy)
        for verdict in catalogue.judge(observation, dns.CHECKS)
        if verdict.state is State.FAILED
    )


def _system(_site: Site, snapshot: Snapshot) -> Iterable[Problem]:
    os_release = snapshot.probes.get("os_release", ())
    if systems.of(os_release) is None:
        name = systems.release(os_release).get("PRETTY_NAME", "?")
        yield catalogue.problem("system.distribution", name=name)
    yield from architecture(snapshot.probe("architecture"))
    if snapshot.probe("uid") != "0":
        yield catalogue.problem("system.root", uid=snapshot.probe("uid"))


def architecture(name: str) -> Iterable[Problem]:
    """Whether there are releases of One API for this Debian architecture."""
    if name not in ARCHITECTURES:
        yield catalogue.problem("system.architecture", name=name)


def _disk(_site: Site, snapshot: Snapshot) -> Iterable[Problem]:
    for line in sorted(set(snapshot.probes.get("disk", ())[1:])):
        mount, free = line.rsplit(maxsplit=1)
        if lack := host.lacking(mount, int(free) / 1024, FREE_MIB):
            yield catalogue.problem("system.disk", "full", **lack)


def _ports(_site: Site, snapshot: Snapshot) -> Iterable[Problem]:
    for port in (80, 443):
        holder = _holder(snapshot, port) if port in firewall.listeners(snapshot) else None
        if holder and not network.is_nginx(holder):
            held = network.stop(holder, str(port))
            yield catalogue.problem("network.port_taken", network.kind(holder), **held)


def _one_api_ports(site: Site, snapshot: Snapshot) -> Iterable[Problem]:
    ports = {"one_api": site.one_api_port, "second": site.one_api_second_port}
    for fault, port in ports.items():
        holder = _holder(snapshot, port)
        # Of a site that stands it is the next upgrade that says so.
        stands = fault == "second" and snapshot.is_active(units.FIREWALL)
        if holder and not stands and holder.unit not in {units.ONE_API, units.SECOND}:
            held = network.stop(holder, str(port))
            yield catalogue.problem("network.port_taken", fault, **held)


def _holder(snapshot: Snapshot, port: int) -> Holder | None:
    """Who holds a TCP port at any address: the process, and the service that it belongs to."""
    lines = "\n".join(snapshot.probes.get("listeners", ()))
    found = re.search(rf"^tcp\s.*?:{port}\s.*$", lines, re.M)
    if found is None:
        return None
    process = re.search(r'"([^"]+)",pid=(\d+)', found[0])
    name, number = (process[1], int(process[2])) if process else ("?", 0)
    cgroups = snapshot.probe("cgroups")
    name_of = rf"^/proc/{number}/cgroup (\S+\.service|(?:docker|libpod)-\S+\.scope)$"
    service = re.search(name_of, cgroups, re.M)
    file = re.search(rf"^{number} (/.*?)( \(deleted\))?$", snapshot.probe("programs"), re.M)
    return Holder(name, number, service[1] if service else "", file[1] if file else "")


def _closed_ports(site: Site, snapshot: Snapshot) -> Iterable[Problem]:
    for port, name in firewall.closed(site, snapshot).items():
        entry = port if port.isdigit() else f'"{port}"'
        yield catalogue.problem("firewall.closes_port", name=name, port=port, entry=entry)


def _foreign_site(site: Site, snapshot: Snapshot) -> Iterable[Problem]:
    path = ""
    for line in snapshot.probes.get("nginx_foreign", ()):
        if line.startswith("file "):
            path = line.removeprefix("file ")
            continue
        for name in site.domains:
            if name in re.split(r"[\s;]+", line):
                yield catalogue.problem("nginx.foreign_site", name=name, path=path)


def _foreign_listen(snapshot: Snapshot, names: Names) -> Iterable[Problem]:
    """Where the names lead another site may listen at that address itself: nginx asks it alone."""
    own = set(addresses(snapshot.probe("addresses")))
    led = {each for asked in names.asked for each in asked.addresses}
    # Behind a NAT the names lead to an address that is not the server's.
    ours, path = own & led or own, ""
    for line in snapshot.probes.get("nginx_foreign", ()):
        path = line.removeprefix("file ") if line.startswith("file ") else path
        found = LISTEN.match(line)
        if found and found[1].strip("[]") in ours:
            yield catalogue.problem("nginx.foreign_site", "listen", path=path, address=found[1])


def _foreign_one_api(_site: Site, snapshot: Snapshot) -> Iterable[Problem]:
    """An installation by hand, which has the same names by upstream's advice."""
    if {paths.ZIPAPP, paths.SITE} & set(snapshot.paths):
        return
    ours = set(snapshot.probes.get("ours", ()))
    for path in SHARED_NAMES:
        if path in snapshot.paths and path not in ours:
            yield catalogue.problem("one_api.foreign", path=path)


def _foreign_folder(_site: Site, snapshot: Snapshot) -> Iterable[Problem]:
    """A folder of the same name whose owner we would take from its program."""
    state = snapshot.paths.get(paths.ONE_API)
    if state and state.owner != "root" and paths.ZIPAPP not in snapshot.paths:
        expected = _("no folder, or root's; it is the user {user}'s", user=state.owner)
        remedy = _("let what is in it live elsewhere, such as /srv: it runs there as well")
        yield Problem(paths.ONE_API, expected, remedy)


def edition(site: Site, snapshot: Snapshot) -> Iterable[Problem]:
    """Another edition would migrate the data of this one, and the way back is lost."""
    theirs = snapshot.probe("edition")
    if theirs and not (theirs in EDITIONS and site.edition.takes_over(EDITIONS[theirs])):
        yield catalogue.problem("one_api.edition", theirs=theirs, ours=site.edition.name)


def _other_database(site: Site, snapshot: Snapshot) -> Iterable[Problem]:
    """Without its URL One API would begin anew, with no user and no order."""
    state, address = snapshot.state().database, _url(site)
    ours = address.kind if address else database.SQLITE
    is_there = isinstance(state, Database) and state.obstacle != "gone"
    if isinstance(state, Database) and is_there and state.kind != ours:
        yield catalogue.problem("one_api.database", theirs=state.kind, ours=ours)


def _clock(snapshot: Snapshot, now: float) -> Iterable[Problem]:
    theirs = float(snapshot.probe("time") or now)
    if host.is_off(theirs - now):
        yield catalogue.problem("system.clock", "off", seconds=round(theirs - now))


def _database(site: Site, snapshot: Snapshot) -> Iterable[Problem]:
    """Whether the admin's own database can be reached, and has connections enough."""
    address = _address(site)
    if address is None:
        return
    if snapshot.probe("database") != "open":
        yield catalogue.problem("database.reachable", host=address.host, port=address.port)
    state = snapshot.state().database
    if (
        isinstance(state, Database)
        and state.limit
        and (many := excess(state, str(site.database_connections)))
    ):
        yield catalogue.problem("database.connections", "many", **many)


def _address(site: Site) -> Address | None:
    """Where the database is to be reached over the network."""
    found = _url(site)
    return found if found and found.host else None


def _url(site: Site) -> Address | None:
    return database.parse(site.database_url.reveal()) if site.database_url else None


CHECKS: tuple[Check, ...] = (
    _database,
    _system,
    _disk,
    _ports,
    _one_api_ports,
    _closed_ports,
    _foreign_site,
    _foreign_one_api,
    _foreign_folder,
    edition,
    _other_database,
)


OF_A_BLANK_SERVER: tuple[Check, ...] = (_one_api_ports, _foreign_site, _foreign_one_api)


def _database_probes(site: Site) -> Mapping[str, str]:
    address = _address(site)
    if address is None:
        return {}
    way = shlex.quote(f"</dev/tcp/{address.host}/{address.port}")
    return {
        "database": f"timeout 5 bash -c {way} 2>/dev/null && echo open",
    }


def _holders(*ports: int) -> str:
    """The shell command that tells the processes that hold ports, as ``pid=17``."""
    wanted = " or ".join(f"sport = :{port}" for port in ports)
    return f"ss -Htlnp '( {wanted} )' | grep -o 'pid=[0-9]*' | sort -u"


def _cgroups(*ports: int) -> str:
    """The shell command that tells the last part of the control group of each port's holder."""
    names = f"$({_holders(*ports)} | sed 's:pid=\\(.*\\):/proc/\\1/cgroup:')"
    kinds = "[.]service$|(docker|libpod)-[0-9a-f]+[.]scope$"
    return f"awk -F/ '/{kinds}/ {{ print FILENAME, $NF }}' {names} /dev/null"


def concern(site: Site) -> Concern:
    """What is looked at before anything is changed."""
    return Concern(
        beside=SnapshotSpec(
            probes={
                **_database_probes(site),
                "ours": f"grep -slF one-api-infra {' '.join(SHARED_NAMES)}",
                "edition": EDITION,
                "cgroups": _cgroups(80, 443, *site.ports),
                "programs": f"for each in $({_holders(80, 443)}); do"
                ' echo "${each#pid=} $(readlink /proc/${each#pid=}/exe)"; done',
                "uid": "id -u",
                "os_release": "cat /etc/os-release",
                "disk": "df -k --output=target,avail / /var /opt /etc",
                "addresses": ADDRESSES,
            }
        )
    )
