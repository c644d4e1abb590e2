"""Tunnels: what nginx serves for them, who is let in, and what is left when one is gone."""

from typing import Any

from one_api_infra.desired import certificate as of_site
from one_api_infra.desired import nginx, tunnel
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import paths, plain
from one_api_infra.shared.editions import EDITIONS
from one_api_infra.shared.state import State
from tests.unit.examples import NOW, certificate, site

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5xk alice@laptop"
TUNNELS = {"alice": {"domain": "alice.site-example.com", "key": KEY}}
LINEAGE = certificate(name="one-api-tunnel-alice", names=("alice.site-example.com",))


def look(*certificates: Any, **probes: tuple[str, ...]) -> Snapshot:
    state = plain.write(State(certificates))
    return Snapshot(probes={"time": (str(NOW),), "state": (state,)} | probes)


def parts(*certificates: Any) -> dict[str, str]:
    chosen = site(tunnels=TUNNELS)
    return nginx.parts(chosen, nginx.Features.of(chosen, look(*certificates)))


def test_certificate_of_another_ca_is_obtained_anew() -> None:
    chosen = site(tunnels=TUNNELS)
    assert not tunnel.lacks_certificate(chosen, look(LINEAGE))
    due = plain.write(State((LINEAGE,), due_tunnels=("one-api-tunnel-alice",)))
    assert tunnel.lacks_certificate(chosen, look(LINEAGE, state=(due,)))


def test_certificate_that_a_move_has_brought_is_left() -> None:
    assert tunnel.is_left(site(), look(LINEAGE))
    assert not tunnel.is_left(site(tunnels=TUNNELS), look(LINEAGE))


def test_replaced_key_is_known_until_its_connections_are_ended() -> None:
    chosen = site(tunnels=TUNNELS)
    assert tunnel.has_replaced_keys(chosen, look(tunnel_keys=("one-api-tunnel-alice",)))
    assert not tunnel.has_replaced_keys(chosen, look(tunnel_keys=("*",)))
    assert not tunnel.has_replaced_keys(chosen, look())


def test_key_lets_forward_and_no_more() -> None:
    (key,) = [each for each in tunnel.files(site(tunnels=TUNNELS)) if "tunnels/" in each.path]
    assert key.data.decode() == f"restrict,port-forwarding {KEY}\n"
    assert (key.path, key.owner) == (f"{paths.TUNNEL_KEYS}/one-api-tunnel-alice", "root")


def test_only_its_socket_folder_is_the_users_own() -> None:
    found = {each.path: each for each in tunnel.directories(site(tunnels=TUNNELS))}
    sockets = f"{paths.TUNNELS}/one-api-tunnel-alice/s"
    assert [each.path for each in found.values() if each.owner != "root"] == [sockets]
    assert (found[sockets].mode, found[sockets].group) == ("2750", "www-data")


def test_callbacks_of_every_edition_go_to_a_socket_of_their_own() -> None:
    text = parts(LINEAGE)["tunnel.conf"]
    for edition in EDITIONS.values():
        for route in edition.callback_routes:
            assert text.count(f"location {route.path} {{") == 1
    assert "one_api_payments" not in text
    assert "proxy_bind" not in text
    assert 'proxy_set_header X-One-Api-Infra-Replay "";' in text
    assert paths.CALLBACK_LOG not in text


def test_without_a_certificate_the_ca_alone_is_answered() -> None:
    text = parts()["tunnel.conf"]
    assert "acme.conf" in text
    assert "listen 443" not in text


def test_its_certificate_is_never_the_sites() -> None:
    assert "ssl_certificate " not in parts(LINEAGE)["site.conf"]
    assert "alice" not in parts(LINEAGE)["site.conf"]
    assert not of_site.is_obsolete(site(tunnels=TUNNELS), look(LINEAGE))


def test_certificate_of_another_name_or_time_is_none() -> None:
    chosen = site(tunnels=TUNNELS)
    assert not tunnel.lacks_certificate(chosen, look(LINEAGE))
    other = certificate(name="one-api-tunnel-alice", names=("old.site-example.com",))
    for found in ((), (other,), (certificate(name="one-api-tunnel-alice", not_after=NOW - 1),)):
        assert tunnel.lacks_certificate(chosen, look(*found))


def test_what_is_no_longer_wanted_is_left() -> None:
    there = ("one-api-tunnel", "one-api-tunnel-alice")
    assert not tunnel.is_left(site(tunnels=TUNNELS), look(tunnels=there))
    assert tunnel.is_left(site(tunnels=TUNNELS), look(tunnels=(*there, "one-api-tunnel-bob")))
    assert tunnel.is_left(site(), look(tunnels=("one-api-tunnel",)))
    assert not tunnel.is_left(site(), look())


def test_nothing_of_it_stands_on_a_site_without() -> None:
    found = tunnel.concern(site())
    assert (found.files, found.directories, found.users, found.units) == ((), (), (), ())
