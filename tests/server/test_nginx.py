"""nginx on the wire."""

import ssl

import pytest
from testinfra.host import Host

from one_api_infra.desired.site import Site
from tests.server.wire import JSON, LOGIN, NO_USER, NOBODY, PANEL, Wire


def test_service_is_enabled_and_runs(host: Host) -> None:
    assert host.service("nginx").is_enabled
    assert host.service("nginx").is_running


def test_configuration_is_sound(host: Host) -> None:
    assert host.run("nginx -t -q").rc == 0


def test_what_is_loaded_is_what_is_on_disk(host: Host) -> None:
    """systemd noted a sum at the last start or reload; a file changed since then is not served."""
    noted = "stat -c %Y /run/one-api-nginx.loaded"
    newest = "find -L /etc/nginx -type f -printf '%T@\\n' | sort -n | tail -n 1 | cut -d. -f1"
    noted_at, changed_at = host.check_output(f"{noted}; {newest}").split()
    assert int(changed_at) <= int(noted_at)


def test_no_worker_of_long_ago_is_left(host: Host) -> None:
    words = host.check_output("ps -C nginx -o args=")
    assert words.count("shutting down") <= 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strict-transport-security", "max-age=63072000"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("server", "nginx"),
    ],
)
def test_header_is_served(outside: Wire, name: str, value: str) -> None:
    assert outside.get("/api/status").headers.get(name) == value


def test_port_80_leads_to_https(outside: Wire, site: Site, needs_port_80: None) -> None:
    answer = outside.request("GET", "http", PANEL)
    assert (answer.status, answer.headers["location"]) == (301, f"{site.origin}{PANEL}")


def test_http_2_is_offered(outside: Wire) -> None:
    assert outside.protocol() == "h2"


@pytest.fixture(scope="module")
def alone(host: Host) -> None:
    """Skips where other sites of this server may answer for foreign names."""
    sites = host.check_output("ls /etc/nginx/sites-enabled")
    others = set(host.check_output("ls /etc/nginx/conf.d").split()) - {"one-api.conf"}
    if sites or others:
        pytest.skip("this server has other sites")


def test_a_foreign_name_gets_no_answer(outside: Wire, alone: None, needs_port_80: None) -> None:
    assert outside.plain(NOBODY) == b""


def test_a_foreign_name_gets_no_certificate(outside: Wire, alone: None) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized"):
        outside.certificate(NOBODY)


def test_logs_are_rotated(host: Host) -> None:
    words = host.run("logrotate --debug /etc/one-api-infra/logrotate.conf")
    assert "callbacks.log" in words.stderr
    assert "error:" not in words.stderr


def test_callback_log_is_private(host: Host) -> None:
    assert host.check_output("stat -c %a /var/log/one-api-infra/callbacks.log") == "640"


def test_login_is_limited_but_works(outside: Wire) -> None:
    assert outside.request("POST", "https", LOGIN, JSON, NO_USER).status in {200, 401, 429}
