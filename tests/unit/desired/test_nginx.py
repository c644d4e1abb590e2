"""nginx' configuration: by version, by certificate, one domain in all of it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from one_api_infra.desired import nginx
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import editions, nginx_release, plain
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


@pytest.mark.parametrize("name", nginx.ONCE)
def test_what_may_stand_once_is_the_admins_own(name: str) -> None:
    """nginx does not start with it twice."""
    for known, ours in (((), 1), ((f"    {name}",), 0)):
        made = parts(look(FORKY, nginx_set_elsewhere=known))
        assert len(re.findall(rf"(?m)^{name} ", made["http.conf"] + made["main.conf"])) == ours


@pytest.mark.parametrize(
    ("found", "serves"),
    [("listen 127.0.0.1", True), ("listen 127.0.0.1:80", True), ("listen 127.0.0.1:443 ssl", True),
     ("listen 127.0.0.1:8080", False), ("listen 80", False)],
)  # fmt: skip
def test_an_address_with_listeners_of_its_own_has_ours_too(found: str, *, serves: bool) -> None:
    foreign = ("file /etc/nginx/conf.d/status.conf", found)
    made = parts(look(TRIXIE, certificate(), nginx_foreign=foreign))
    assert ("listen 127.0.0.1:80;" in made["site.conf"]) is serves
    assert ("listen 127.0.0.1:443 ssl;" in made["site.conf"]) is serves


CONF = """user www-data;
include /etc/nginx/modules-enabled/*.conf;
http {
    include /etc/nginx/mime.types;
    # listen 80;
    include /etc/nginx/conf.d/*.conf; include /etc/nginx/sites-enabled/*;
}
"""


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("http {", []),
        ("http { server { listen 81; }", ["file /etc/nginx/nginx.conf", "listen 81"]),
        ("http { include vhosts/*.conf;", ["file /etc/nginx/vhosts/shop.conf", "listen 127.0.0.1"]),
    ],
)
def test_sites_are_found_wherever_nginx_conf_has_them(
    tmp_path: Path, changed: str, told: list[str]
) -> None:
    for name in ("sites-enabled", "conf.d", "vhosts"):
        (tmp_path / name).mkdir()
    (tmp_path / "nginx.conf").write_text(CONF.replace("http {", changed))
    (tmp_path / "mime.types").write_text("types { text/html html; }")
    (tmp_path / "conf.d/one-api.conf").write_text("listen 80;")
    (tmp_path / "vhosts/shop.conf").write_text("server { listen 127.0.0.1; }")
    script = nginx.FOREIGN.replace("/etc/nginx", str(tmp_path))
    found = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.replace(str(tmp_path), "/etc/nginx").splitlines() == told


def test_orders_are_limited_by_address() -> None:
    for edition in ("one-hub", "new-api", "done-hub"):
        made = parts(look(TRIXIE, certificate()), edition=edition)
        routes = editions.get(edition).order_routes
        assert made["web.conf"].count("limit_req zone=one_api_checkout burst=64") == len(routes) > 0
        assert "zone=one_api_checkout:10m" in made["http.conf"]
    assert "one_api_checkout" not in "".join(parts(look(TRIXIE), edition="one-api").values())


def test_release_is_named_by_its_content() -> None:
    one, other = parts(look()), parts(look(), one_api_port=3002)
    assert nginx_release.name(one) == nginx_release.name(dict(one))
    assert nginx_release.name(one) != nginx_release.name(other)


def test_only_one_domain_is_in_it() -> None:
    text = json.dumps(nginx.configuration(site(), look(TRIXIE, certificate())))
    assert "pay.site-example.com" in text
    assert "$proxy_add_x_forwarded_for" not in text
