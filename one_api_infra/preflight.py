"""What must hold before anything is changed, judged from one look and the DNS answers."""

import ipaddress
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from one_api_infra import firewall
from one_api_infra.problems import Problem
from one_api_infra.resources import Wanted
from one_api_infra.server import paths
from one_api_infra.site import Site
from one_api_infra.snapshot import Snapshot
from one_api_infra.texts import _

SYSTEMS = {("debian", "12"), ("debian", "13")}
ARCHITECTURES = {"amd64", "arm64"}
FREE_MIB = 1024
CLOCK_SECONDS = 120  # WeChat Pay and Stripe refuse signatures older than 300 s
OUR_PROGRAMS = {"nginx"}


@dataclass(frozen=True)
class Dns:
    """What the resolvers answered for a name; ``error`` instead of addresses if they failed."""

    name: str
    addresses: tuple[str, ...] = ()
    error: str = ""


Check = Callable[[Site, Snapshot], Iterable[Problem]]


def judge(
    site: Site, seen: Snapshot, dns: Sequence[Dns], connected_to: str, now: float | None = None
) -> tuple[Problem, ...]:
    """Every problem that stops the run; waived ones are left out.

    ``connected_to`` is the address by which the admin reaches the server: behind a cloud's NAT
    the server itself does not know its public address.
    """
    found = [problem for check in CHECKS for problem in check(site, seen)]
    found += _clock(seen, time.time() if now is None else now)
    found += _resolves(site, seen, dns, connected_to)
    return tuple(problem for problem in found if problem.path not in site.waive)


def _system(_site: Site, seen: Snapshot) -> Iterable[Problem]:
    release = _release(seen)
    if (release.get("ID"), release.get("VERSION_ID")) not in SYSTEMS:
        name = release.get("PRETTY_NAME", "?")
        expected = _("Debian 12 or 13; this is {name}", name=name)
        yield Problem("system.distribution", expected, _("install Debian 13 on the server"))
    yield from architecture(seen.probe("architecture"))
    if seen.probe("uid") != "0":
        expected = _("commands run as root; they run as uid {uid}", uid=seen.probe("uid"))
        yield Problem(
            "system.root", expected, _('add "_sudo": True to the host, or log in as root')
        )


def architecture(name: str) -> Iterable[Problem]:
    """Whether there are releases of One API for this Debian architecture."""
    if name not in ARCHITECTURES:
        expected = _("amd64 or arm64; this is {name}", name=name)
        yield Problem("system.architecture", expected, _("use a server of these architectures"))


def _release(seen: Snapshot) -> Mapping[str, str]:
    pairs = (line.partition("=") for line in seen.probes.get("os_release", ()))
    return {name: value.strip('"') for name, _sign, value in pairs}


def _disk(_site: Site, seen: Snapshot) -> Iterable[Problem]:
    for line in seen.probes.get("disk", ()):
        mount, free = line.rsplit(maxsplit=1)
        if int(free) < FREE_MIB * 1024:
            expected = _(
                "{need} MiB free on {mount}; there are {free}",
                need=FREE_MIB,
                mount=mount,
                free=int(free) // 1024,
            )
            remedy = _("free space (`apt-get clean`, `journalctl --vacuum-size=100M`)")
            yield Problem("system.disk", expected, remedy)


def _ports(_site: Site, seen: Snapshot) -> Iterable[Problem]:
    for port in (80, 443):
        holder = firewall.listeners(seen).get(port)
        if holder and holder not in OUR_PROGRAMS:
            expected = _("port {port} is free; {holder} holds it", port=port, holder=holder)
            remedy = _("stop it: `systemctl disable --now {holder}`", holder=holder)
            yield Problem("network.port_taken", expected, remedy)


def _one_api_port(site: Site, seen: Snapshot) -> Iterable[Problem]:
    holder = _all_listeners(seen).get(site.one_api_port)
    if holder and not seen.is_active("one-api.service"):
        expected = _(
            "port {port} is free for One API; {holder} holds it",
            port=site.one_api_port,
            holder=holder,
        )
        yield Problem("network.port_taken", expected, _('set "one_api_port" to a free one'))


def _all_listeners(seen: Snapshot) -> dict[int, str]:
    lines = (line.replace("127.0.0.1:", "0.0.0.0:") for line in seen.probes.get("listeners", ()))
    return firewall.listeners(Snapshot(probes={"listeners": tuple(lines)}))


def _closed_ports(site: Site, seen: Snapshot) -> Iterable[Problem]:
    return firewall.closed(site, seen)


def _foreign_site(site: Site, seen: Snapshot) -> Iterable[Problem]:
    path = ""
    for line in seen.probes.get("nginx_foreign", ()):
        if line.startswith("file "):
            path = line.removeprefix("file ")
            continue
        for name in site.domains:
            if name in re.split(r"[\s;]+", line):
                expected = _(
                    "no other nginx site has the name {name}; {path} has", name=name, path=path
                )
                remedy = _("remove the name there, or the file")
                yield Problem("nginx.foreign_site", expected, remedy)


def _foreign_one_api(_site: Site, seen: Snapshot) -> Iterable[Problem]:
    """An installation by hand, which has the same names by upstream's advice."""
    if paths.BUNDLE in seen.paths:
        return
    for path in (paths.UNIT, f"{paths.NGINX}/conf.d/one-api.conf"):
        if path in seen.paths:
            expected = _("no other installation of One API; there is {path}", path=path)
            remedy = _("move it and its data away, or use another server")
            yield Problem("one_api.foreign", expected, remedy)


def _clock(seen: Snapshot, now: float) -> Iterable[Problem]:
    theirs = float(seen.probe("time") or now)
    if abs(theirs - now) > CLOCK_SECONDS:
        expected = _("clocks agree; the server's is {seconds} s off", seconds=round(theirs - now))
        yield Problem("system.clock", expected, _("set it: `timedatectl set-ntp true`"))


def _resolves(
    site: Site, seen: Snapshot, dns: Sequence[Dns], connected_to: str
) -> Iterable[Problem]:
    own = {line.split("/")[0] for line in seen.probes.get("addresses", ())}
    own |= {connected_to, *site.public_addresses}
    here = {_plain(each) for each in own}
    for answer in dns:
        if not answer.addresses:
            reason = answer.error or _("no address")
            expected = _("{name} resolves; it does not: {reason}", name=answer.name, reason=reason)
            remedy = _(
                "add an A record: {name} → {address}", name=answer.name, address=connected_to
            )
            yield Problem("dns.resolves", expected, remedy)
        for address in answer.addresses:
            if _plain(address) not in here:
                yield _elsewhere(answer.name, address, connected_to)


def _plain(address: str) -> str:
    """One spelling for each address; what is none (a name of ssh's own) stays as it is."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def _elsewhere(name: str, address: str, connected_to: str) -> Problem:
    kind = "AAAA" if ":" in address else "A"
    expected = _(
        "{name} points to this server; its {kind} record points to {address}",
        name=name,
        kind=kind,
        address=address,
    )
    remedy = _(
        'change the record (this server is {here}), or add {address} to "public_addresses"'
        " if it leads here",
        here=connected_to,
        address=address,
    )
    return Problem("dns.points_here", expected, remedy)


CHECKS: tuple[Check, ...] = (
    _system,
    _disk,
    _ports,
    _one_api_port,
    _closed_ports,
    _foreign_site,
    _foreign_one_api,
)


def wanted(_site: Site) -> Wanted:
    """What to look at."""
    return Wanted(
        probes={
            "uid": "id -u",
            "os_release": "cat /etc/os-release",
            "disk": "df -Pk / /var /opt /etc | awk 'NR > 1 {print $6, $4}' | sort -u",
            "addresses": "ip -o addr show scope global | awk '{print $4}'",
        }
    )
