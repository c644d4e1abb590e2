"""nginx' configuration: by version, by certificate, one domain in all of it."""

import json
from typing import Any

import pytest

from one_api_infra.desired import nginx
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import nginx_release, plain
from one_api_infra.shared.editions import EDITIONS
from one_api_infra.shared.state import State
from tests.unit.examples import NOW, certificate, site

BOOKWORM = "nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.11"
TRIXIE = "nginx version: nginx/1.26.3\nbuilt with OpenSSL 3.5.1"
FORKY = "nginx version: nginx/1.30.6\nbuilt with OpenSSL 3.6.5"


def look(version: str = TRIXIE, *certificates: Any, **probes: Any) -> Snapshot:
    state = plain.write(State(certificates))
    base = {"nginx_version": tuple(version.split("\n")), "time": (str(NOW),), "state": (state,)}
    return Snapshot(probes=base | probes)


def parts(snapshot: Snapshot, **settings: Any) -> dict[str, str]:
    chosen = site(**settings)
    return nginx.parts(chosen, nginx.Features.of(chosen, snapshot))


@pytest.mark.parametrize(
    ("version", "http2", "curve", "keepalive"),
    [(BOOKWORM, "ssl http2;", False, False), (TRIXIE, "http2 on;", True, False),
     (FORKY, "http2 on;", True, True)],
)  # fmt: skip
def test_by_version(version: str, http2: str, curve: bool, keepalive: bool) -> None:
    made = parts(look(version, certificate()))
    assert http2 in made["site.conf"]
    assert ("X25519MLKEM768" in made["tls.conf"]) == curve
    assert ("keepalive_min_timeout" in made["http.conf"]) == keepalive


def test_no_tls_server_without_a_certificate() -> None:
    assert "ssl_certificate " not in parts(look())["site.conf"]
    assert "ssl_certificate " in parts(look(TRIXIE, certificate()))["site.conf"]
    expired = certificate(not_after=NOW - 1)
    assert "ssl_certificate " not in parts(look(TRIXIE, expired))["site.conf"]


@pytest.mark.parametrize("edition", EDITIONS)
def test_callbacks_are_served_on_both_ports_without_redirect(edition: str) -> None:
    made = parts(look(TRIXIE, certificate()), edition=edition)
    assert made["site.conf"].count("include /etc/nginx/one-api/callbacks.conf") == 2
    for route in EDITIONS[edition].callback_routes:
        assert f"location {route.path} {{" in made["callbacks.conf"]
    assert "return 30" not in made["callbacks.conf"]
    assert "zone=one_api_login" not in made["callbacks.conf"]


def test_old_name_is_served_while_the_new_certificate_is_missing() -> None:
    old = certificate(name="old.site-example.com", names=("old.site-example.com",))
    text = parts(look(TRIXIE, old))["site.conf"]
    assert "server_name old.site-example.com;" in text
    assert "server_name pay.site-example.com old.site-example.com;" in text


def test_others_keep_their_configuration() -> None:
    foreign = ("file /etc/nginx/sites-enabled/shop", "server_name shop.com")
    features = nginx.Features.of(site(), look(nginx_foreign=foreign))
    assert not features.owns_conf
    configuration = nginx.configuration(site(), look(nginx_foreign=foreign))
    assert nginx.CONF not in configuration["files"]  # type: ignore[operator]
    assert configuration["absent"] == []


def test_long_name_needs_a_hash_of_its_own_once() -> None:
    text = nginx.parts(site(), nginx.Features.of(site(), Snapshot()))["http.conf"]
    assert "server_names_hash_bucket_size" in text
    others = Snapshot(probes={"nginx_names_hash": ("/etc/nginx/nginx.conf",)})
    text = nginx.parts(site(), nginx.Features.of(site(), others))["http.conf"]
    assert "server_names_hash_bucket_size" not in text


def test_release_is_named_by_its_content() -> None:
    one, other = parts(look()), parts(look(), one_api_port=3002)
    assert nginx_release.name(one) == nginx_release.name(dict(one))
    assert nginx_release.name(one) != nginx_release.name(other)


def test_only_one_domain_is_in_it() -> None:
    text = json.dumps(nginx.configuration(site(), look(TRIXIE, certificate())))
    assert "pay.site-example.com" in text
    assert "$proxy_add_x_forwarded_for" not in text
