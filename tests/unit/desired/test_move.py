"""What each of the two servers of a move is given."""

import shlex
import subprocess
from pathlib import Path

import pytest

from one_api_infra.checks.observation import Asked, Names
from one_api_infra.desired import firewall, move, nginx, preflight
from one_api_infra.desired.snapshot import PathState, Snapshot
from one_api_infra.remote import inventory
from one_api_infra.shared import move as rules
from one_api_infra.shared import paths
from tests.unit.examples import site

OLD, NEW = "203.0.113.10", "198.51.100.20"
FORMER, HERE = "93.184.215.14", "93.184.216.34"  # public ones
THERE = PathState("f", "root", "root", "600", "")


def test_only_a_move_lets_two_hosts_have_one_domain() -> None:
    data = {"domain": "ai.example.com"}
    hosts = [(OLD, data), (NEW, {**data, "moves_from": OLD})]
    assert inventory.moves(hosts) == [(OLD, NEW)]
    assert list(inventory.shared(hosts)) == []
    assert len(list(inventory.shared([(OLD, data), (NEW, data)]))) == 1
    assert inventory.moves([(NEW, {**data, "moves_from": OLD})]) == []


def test_a_server_serves_no_site_that_is_elsewhere() -> None:
    moves = site(moves_from=OLD)
    left = Snapshot(paths={paths.MOVED: THERE})
    assert [problem.path for problem in move.gone(left)] == ["move"]
    assert move.gone(Snapshot()) == ()
    assert [problem.path for problem in move.lacks_site(moves, Snapshot())] == ["moves_from"]
    assert move.lacks_site(moves, Snapshot(paths={paths.ARRIVED: THERE})) == ()
    assert move.lacks_site(site(), Snapshot()) == ()


@pytest.mark.parametrize("address", [NEW, "2001:db8::20"])
def test_the_old_server_hands_on(address: str) -> None:
    made = nginx.parts(site(), nginx.Features.of(site(), Snapshot()), address)
    assert made["upstream.conf"].count(f"server 127.0.0.1:{rules.GATE_PORT};") == 2
    everything = "\n".join(made.values())
    assert "proxy_pass http://one_api" not in everything
    assert made["callbacks.conf"].count("proxy_pass https://one_api") >= 1
    assert "proxy_ssl_verify on;" in made["proxy.conf"]
    literal = f"[{address}]" if ":" in address else address
    assert f"proxy_pass http://{literal}:80;" in made["acme.conf"]


def test_the_new_server_believes_the_old_one_alone() -> None:
    moves = site(moves_from=OLD)
    made = nginx.parts(moves, nginx.Features.of(moves, Snapshot()))
    assert f"set_real_ip_from {OLD};" in made["client.conf"]
    assert f"ip saddr {OLD} tcp dport" in firewall.rules(moves, Snapshot()).data.decode()
    plain = nginx.parts(site(), nginx.Features.of(site(), Snapshot()))
    assert "real_ip" not in "\n".join(plain.values())


def test_a_key_for_the_move_alone(tmp_path: Path) -> None:
    line = move.authorized("ssh-ed25519 AAAA")
    assert line.startswith('restrict,command="')
    keys = tmp_path / "authorized_keys"
    keys.write_text("ssh-ed25519 BBBB admin")  # without an end of the line
    script = move.authorize_script().replace("/root/.ssh/authorized_keys", str(keys))
    script = script.replace(
        "install -d -m 700 /root/.ssh", f"mkdir -p {shlex.quote(str(tmp_path))}"
    )
    script = script.replace(paths.MOVE, "")
    for _run in range(2):
        subprocess.run(["sh", "-c", script], input=line, text=True, check=True)
    assert keys.read_text() == f"ssh-ed25519 BBBB admin\n{line}"


@pytest.mark.parametrize("more", [
    {}, {"public_addresses": [FORMER]}, {"trusted_proxies": [FORMER]},
    {"waive": ["dns.points_here"]},
])  # fmt: skip
def test_the_old_server_s_address_is_not_the_new_one_s(more: dict[str, object]) -> None:
    moves = site(moves_from=FORMER, **more)
    names = Names((Asked(str(moves.domain), "own", "resolv.conf", (FORMER,), ""),))
    assert not preflight.leads(moves, names, (HERE,))  # the deploy may begin
    led = move.where_dns_leads(moves, [])
    assert [each.path for each in preflight.leads(led, names, (HERE,))] == ["dns.points_here"]
    there = Names((Asked(str(moves.domain), "own", "resolv.conf", (HERE,), ""),))
    assert not preflight.leads(led, there, (HERE,))
