"""What must hold before anything is changed, judged from one look and the DNS answers."""

import re
import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from one_api_infra import database, firewall
from one_api_infra.checks import catalogue, dns, network, target
from one_api_infra.checks.database import excess
from one_api_infra.checks.host import CLOCK_SECONDS
from one_api_infra.checks.observation import Names, Observation
from one_api_infra.checks.server import Database, Holder
from one_api_infra.checks.verdict import State
from one_api_infra.database import Address
from one_api_infra.problems import Problem
from one_api_infra.resources import Wanted
from one_api_infra.server import paths
from one_api_infra.site import Site
from one_api_infra.snapshot import Snapshot

SYSTEMS = {("debian", "12"), ("debian", "13")}
ARCHITECTURES = {"amd64", "arm64"}
FREE_MIB = 1024
OUR_PROGRAMS = {"nginx"}

SHARED_NAMES = (paths.UNIT, f"{paths.NGINX}/conf.d/one-api.conf")

EDITION = f"""sed -n 's/.*"edition": "\\([a-z-]*\\)".*/\\1/p' {paths.SITE} 2>/dev/null"""

Check = Callable[[Site, Snapshot], Iterable[Problem]]


def judge(
    site: Site, seen: Snapshot, names: Names, connected_to: str, now: float | None = None
) -> tuple[Problem, ...]:
    """Every problem, the waived ones too.

    ``connected_to`` is the address by which the admin reaches the server: behind a cloud's NAT
    the server itself does not know its public address.
    """
    now = time.time() if now is None else now
    found = [problem for check in CHECKS for problem in check(site, seen)]
    found += _clock(seen, now)
    own = tuple(re.findall(r"inet6? ([^/ ]+)", seen.probe("addresses")))
    known = replace(target.of_settings(site.public(), (connected_to, *own)), waive=())
    observation = Observation(known, now, names.asked, names.caa, names.bogus)
    return (*found, *_names(observation))


def _names(seen: Observation) -> Iterable[Problem]:
    """The level of DNS, by the very judgements of every other use."""
    for verdict in catalogue.judge(seen, dns.CHECKS):
        if verdict.state is State.FAILED:
            yield Problem(verdict.id, f"{verdict.cause} ({verdict.evidence})", verdict.remedy)


def _system(_site: Site, seen: Snapshot) -> Iterable[Problem]:
    release = _release(seen)
    if (release.get("ID"), release.get("VERSION_ID")) not in SYSTEMS:
        name = release.get("PRETTY_NAME", "?")
        yield catalogue.problem("system.distribution", name=name)
    yield from architecture(seen.probe("architecture"))
    if seen.probe("uid") != "0":
        yield catalogue.problem("system.root", uid=seen.probe("uid"))


def architecture(name: str) -> Iterable[Problem]:
    """Whether there are releases of One API for this Debian architecture."""
    if name not in ARCHITECTURES:
        yield catalogue.problem("system.architecture", name=name)


def _release(seen: Snapshot) -> Mapping[str, str]:
    pairs = (line.partition("=") for line in seen.probes.get("os_release", ()))
    return {name: value.strip('"') for name, _sign, value in pairs}


def _disk(_site: Site, seen: Snapshot) -> Iterable[Problem]:
    for line in sorted(set(seen.probes.get("disk", ())[1:])):
        mount, free = line.rsplit(maxsplit=1)
        if int(free) < FREE_MIB * 1024:
            values = {"mount": mount, "need": FREE_MIB, "free": int(free) // 1024}
            yield catalogue.problem("system.disk", "full", **values)


def _ports(_site: Site, seen: Snapshot) -> Iterable[Problem]:
    for port in (80, 443):
        holder = firewall.listeners(seen).get(port)
        if holder and holder not in OUR_PROGRAMS:
            held = network.stop(Holder(holder, 0, f"{holder}.service"), str(port))
            yield catalogue.problem("network.port_taken", "taken", **held)


def _one_api_port(site: Site, seen: Snapshot) -> Iterable[Problem]:
    holder = _all_listeners(seen).get(site.one_api_port)
    if holder and not seen.is_active("one-api.service"):
        held = network.stop(Holder(holder, 0, f"{holder}.service"), str(site.one_api_port))
        yield catalogue.problem("network.port_taken", "one_api", **held)


def _all_listeners(seen: Snapshot) -> dict[int, str]:
    lines = (line.replace("127.0.0.1:", "0.0.0.0:") for line in seen.probes.get("listeners", ()))
    return firewall.listeners(Snapshot(probes={"listeners": tuple(lines)}))


def _closed_ports(site: Site, seen: Snapshot) -> Iterable[Problem]:
    for port, name in firewall.closed(site, seen).items():
        entry = port if port.isdigit() else f'"{port}"'
        yield catalogue.problem("firewall.closes_port", name=name, port=port, entry=entry)


def _foreign_site(site: Site, seen: Snapshot) -> Iterable[Problem]:
    path = ""
    for line in seen.probes.get("nginx_foreign", ()):
        if line.startswith("file "):
            path = line.removeprefix("file ")
            continue
        for name in site.domains:
            if name in re.split(r"[\s;]+", line):
                yield catalogue.problem("nginx.foreign_site", name=name, path=path)


def _foreign_one_api(_site: Site, seen: Snapshot) -> Iterable[Problem]:
    """An installation by hand, which has the same names by upstream's advice."""
    if {paths.BUNDLE, paths.SITE} & set(seen.paths):
        return
    ours = set(seen.probes.get("ours", ()))
    for path in SHARED_NAMES:
        if path in seen.paths and path not in ours:
            yield catalogue.problem("one_api.foreign", path=path)


def edition(site: Site, seen: Snapshot) -> Iterable[Problem]:
    """Another edition would migrate the data of this one, and the way back is lost."""
    theirs = seen.probe("edition")
    if theirs not in {"", site.edition.name}:
        yield catalogue.problem("one_api.edition", theirs=theirs, ours=site.edition.name)


def _clock(seen: Snapshot, now: float) -> Iterable[Problem]:
    theirs = float(seen.probe("time") or now)
    if abs(theirs - now) > CLOCK_SECONDS:
        yield catalogue.problem("system.clock", "off", seconds=round(theirs - now))


def _database(site: Site, seen: Snapshot) -> Iterable[Problem]:
    """Whether the admin's own database can be reached, and has connections enough."""
    address = _address(site)
    if address is None:
        return
    if seen.probe("database") != "open":
        yield catalogue.problem("database.reachable", host=address.host, port=address.port)
    state = seen.state().database
    if (
        isinstance(state, Database)
        and state.limit
        and (many := excess(state, str(site.database_connections)))
    ):
        yield catalogue.problem("database.connections", "many", **many)


def _address(site: Site) -> Address | None:
    """Where the database is to be reached over the network."""
    found = database.parse(site.database_url.reveal()) if site.database_url else None
    return found if found and found.host else None


CHECKS: tuple[Check, ...] = (
    _database,
    _system,
    _disk,
    _ports,
    _one_api_port,
    _closed_ports,
    _foreign_site,
    _foreign_one_api,
    edition,
)


def _database_probes(site: Site) -> Mapping[str, str]:
    address = _address(site)
    if address is None:
        return {}
    way = shlex.quote(f"</dev/tcp/{address.host}/{address.port}")
    return {
        "database": f"timeout 5 bash -c {way} 2>/dev/null && echo open",
    }


def wanted(site: Site) -> Wanted:
    """What to look at."""
    return Wanted(
        probes={
            **_database_probes(site),
            "ours": f"grep -slF one-api-infra {' '.join(SHARED_NAMES)}",
            "edition": EDITION,
            "uid": "id -u",
            "os_release": "cat /etc/os-release",
            "disk": "df -k --output=target,avail / /var /opt /etc",
            "addresses": "ip -o addr show scope global",
        }
    )
