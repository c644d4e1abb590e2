"""Preflight: each fault is named with its remedy; a sound server passes."""

from typing import Any

import pytest

from one_api_infra.checks.observation import Asked, Names
from one_api_infra.desired.preflight import concern, judge
from one_api_infra.desired.resources import File
from one_api_infra.desired.snapshot import Snapshot, path_state
from one_api_infra.shared import paths, plain, units
from one_api_infra.shared.database import Database
from one_api_infra.shared.state import State
from tests.unit.examples import NOW, site

HERE, HERE6, ELSEWHERE = "93.184.215.14", "2606:2800:21f::14", "151.101.1.1"
SOUND: dict[str, tuple[str, ...]] = {
    "os_release": ("ID=debian", 'VERSION_ID="13"', 'PRETTY_NAME="Debian GNU/Linux 13"'),
    "architecture": ("amd64",),
    "uid": ("0",),
    "disk": ("Mounted on   Avail", "/ 9000000", "/var 9000000", "/ 9000000"),
    "time": (str(int(NOW)),),
    "addresses": (f"2: e inet {HERE}/24 scope global e", f"2: e inet6 {HERE6}/64 scope global "),
    "listeners": (
        'tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))',
        'tcp LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=1,fd=4))',
        'tcp LISTEN 0 128 127.0.0.1:5432 0.0.0.0:* users:(("postgres",pid=2,fd=3))',
    ),
}
UDP = (
    "udp UNCONN 0 0 0.0.0.0:51820 0.0.0.0:*",
    'udp UNCONN 0 0 0.0.0.0:68 0.0.0.0:* users:(("dhclient",pid=3,fd=6))',
    'udp UNCONN 0 0 *:40001 *:* users:(("chronyd",pid=4,fd=6))',
)


def answer(*addresses: str, error: str = "") -> Names:
    return Names((Asked("pay.site-example.com", "own", "resolv.conf", addresses, error),))


DNS = answer(HERE, HERE6)


def listening(program: str, port: int, pid: int = 7) -> tuple[str, ...]:
    line = f'tcp LISTEN 0 9 *:{port} *:* users:(("{program}",pid={pid},fd=3))'
    return (*SOUND["listeners"], line)


FAULTS: list[tuple[dict[str, tuple[str, ...]], str, str]] = [
    ({"os_release": ("ID=ubuntu", 'VERSION_ID="22.04"')}, "system.distribution", "Debian 13"),
    ({"architecture": ("riscv64",)}, "system.architecture", "server"),
    ({"uid": ("1000",)}, "system.root", "_sudo"),
    ({"disk": ("Mounted on Avail", "/opt 90000", "/opt 90000")}, "system.disk", "free space"),
    ({"time": (str(int(NOW) + 86400),)}, "system.clock", "timedatectl"),
    (
        {"listeners": listening("caddy", 80), "cgroups": ("/proc/7/cgroup caddy.service",)},
        "network.port_taken",
        "disable caddy.service",
    ),
    ({"listeners": listening("apache2", 443)}, "network.port_taken", "`kill 7`"),
    (
        {"listeners": listening("python3", 443), "cgroups": ("/proc/7/cgroup session-2.scope",)},
        "network.port_taken",
        "`kill 7`",
    ),
    ({"listeners": listening("systemd", 80, 1)}, "network.port_taken", "list-sockets"),
    ({"listeners": listening("node", 3000)}, "network.port_taken", "one_api_port"),
    ({"listeners": listening("node", 3001)}, "network.port_taken", "one_api_second_port"),
    (
        {"state": (plain.write(State(database=Database(NOW, "postgresql", ""))),)},
        "one_api.database",
        "database_url",
    ),
    ({"listeners": listening("redis", 6379)}, "firewall.closes_port", "open_ports"),
    ({"listeners": UDP}, "firewall.closes_port", '"51820/udp"'),
    (
        {"nginx_foreign": ("file /etc/nginx/sites-enabled/shop",
                           "server_name x.com pay.site-example.com")},
        "nginx.foreign_site", "remove",
    ),
    (
        {"nginx_foreign": ("file /etc/nginx/conf.d/panel.conf", f"listen {HERE}:443 ssl")},
        "nginx.foreign_site", "port alone",
    ),
]  # fmt: skip
NAMES: list[tuple[Names, str]] = [
    (answer(error="NXDOMAIN"), "dns.resolves"),
    (answer(), "dns.resolves"),
    (answer(ELSEWHERE), "dns.points_here"),
    (answer(HERE, "2606:2800:21f::99"), "dns.points_here"),
]


def problems(dns: Names = DNS, settings: Any = None, **probes: Any) -> list[str]:
    snapshot = Snapshot(probes=SOUND | probes)
    found = judge(site(**(settings or {})), snapshot, dns, HERE, NOW)
    assert all(problem.remedy for problem in found)
    return [problem.path for problem in found]


def test_sound_server_passes() -> None:
    assert problems() == []


@pytest.mark.parametrize(("probes", "path", "remedy"), FAULTS, ids=lambda value: str(value)[:30])
def test_fault(probes: dict[str, Any], path: str, remedy: str) -> None:
    found = judge(site(), Snapshot(probes=SOUND | probes), DNS, HERE, NOW)
    assert [problem.path for problem in found][:1] == [path]
    assert remedy in found[0].remedy


@pytest.mark.parametrize(("answer", "path"), NAMES)
def test_name(answer: Names, path: str) -> None:
    assert problems(answer) == [path]


def test_our_own_nginx_may_hold_the_ports() -> None:
    assert problems(listeners=listening("nginx", 80)) == []


def test_address_behind_nat_can_be_named() -> None:
    assert problems(answer(ELSEWHERE), {"public_addresses": [ELSEWHERE]}) == []


def test_a_waived_problem_is_told_all_the_same() -> None:
    """The operation shows it, and lets the run go on."""
    assert problems(answer(ELSEWHERE), {"waive": ["dns.points_here"]}) == ["dns.points_here"]


def test_another_address_of_the_servers_is_anybodys() -> None:
    panel = ("file /etc/nginx/conf.d/panel.conf", "listen 10.8.0.1:443 ssl", "listen 443 ssl")
    assert problems(nginx_foreign=panel) == []


def test_an_opened_port_is_not_cut_off() -> None:
    assert problems(settings={"open_ports": [6379]}, listeners=listening("redis", 6379)) == []
    assert problems(settings={"open_ports": ["51820/udp"]}, listeners=UDP) == []


POSTGRESQL = "postgres://one:secret@db.example.com/one"
STATE = plain.write(
    State(database=Database(1.0, "postgresql", "", limit=60, reserved=3, clients=1))
)


@pytest.mark.parametrize(
    ("probes", "expected"),
    [
        ({"database": ("open",)}, []),
        ({}, ["database.reachable"]),
        ({"database": ("open",), "state": (STATE,)}, []),
        ({"database": ("open",), "state": (STATE.replace("60", "40"),)},
         ["database.connections"]),
        ({"database": ("open",), "state": ("cut of",)}, []),
    ],
)  # fmt: skip
def test_database(probes: dict[str, tuple[str, ...]], expected: list[str]) -> None:
    snapshot = Snapshot(probes=SOUND | probes)
    found = judge(site(database_url=POSTGRESQL), snapshot, DNS, HERE, NOW)
    assert [problem.path for problem in found] == expected
    assert "secret" not in str(found)


def test_database_is_asked_for_without_its_password() -> None:
    probes = concern(site(database_url=POSTGRESQL)).spec.probes
    assert "db.example.com/5432" in probes["database"]
    assert "secret" not in str(probes)


BY_HAND = {units.path(units.ONE_API): path_state(File(units.path(units.ONE_API), b"[Service]"))}


@pytest.mark.parametrize(
    ("there", "marked", "expected"),
    [
        ((), (), ["one_api.foreign"]),
        ((paths.ZIPAPP,), (), []),
        ((paths.SITE,), (), []),
        ((), (units.path(units.ONE_API),), []),
    ],
)
def test_our_own_site_without_its_agent_is_ours(
    there: tuple[str, ...], marked: tuple[str, ...], expected: list[str]
) -> None:
    snapshot = Snapshot(
        paths=BY_HAND | {path: path_state(File(path, b"")) for path in there},
        probes=SOUND | {"ours": marked},
    )
    assert [each.path for each in judge(site(), snapshot, DNS, HERE, NOW)] == expected


@pytest.mark.parametrize(("theirs", "expected"), [
    ((), []), (("one-hub",), []), (("done-hub",), []), (("new-api",), ["one_api.edition"]),
    (("newer-api",), ["one_api.edition"]),
])  # fmt: skip
def test_data_of_another_edition(theirs: tuple[str, ...], expected: list[str]) -> None:
    assert problems(edition=theirs) == expected


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]", "127.8.8.8", "*"])
def test_one_api_s_port_is_looked_for_at_every_address(address: str) -> None:
    line = f'tcp LISTEN 0 9 {address}:3000 *:* users:(("node",pid=7,fd=3))'
    assert problems(listeners=(*SOUND["listeners"], line)) == ["network.port_taken"]
