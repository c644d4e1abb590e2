"""Settings: all problems at once, the nearest name for a misspelt one."""

import shlex
import typing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyinfra.connectors import ssh

from one_api_infra.desired import parsers, settings, system
from one_api_infra.desired.settings import LETS_ENCRYPT_STAGING, SETTINGS
from one_api_infra.desired.site import Site
from one_api_infra.shared.validation import ValidationError
from tests.unit.examples import SETTINGS as SMALLEST
from tests.unit.examples import site

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5xk alice@laptop"


DNS = {
    "acme_challenge": "dns-01", "acme_dns_provider": "alidns",
    "acme_dns_credentials": {"ALICLOUD_SECRET_KEY": "x"},
}  # fmt: skip


def tunnel(label: str) -> dict[str, str]:
    return {"domain": f"{label}.site-example.com", "key": KEY}


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"domian": "x"}, "domian", 'write "domain"'),
    ({"callbackdomain": "x"}, "callbackdomain", 'write "callback_domain"'),
    ({"zzz": 1}, "zzz", "remove it"),
    ({"edition": "onehub"}, "edition", 'write "one-hub"'),
    ({"one_api_port": "3000"}, "one_api_port", "without quotes"),
    ({"one_api_port": True}, "one_api_port", "without quotes"),
    ({"one_api_port": 443}, "one_api_port", "choose one"),
    ({"one_api_second_port": 81}, "one_api_second_port", "choose one"),
    ({"one_api_second_port": 8411}, "one_api_second_port", "3001 is right"),
    ({"certificate_file": "/etc/ssl/a.pem"}, "certificate_file", '"certificate": "external"'),
    ({"acme_email": "admin@example.com"}, "acme_email", "read mail"),
    ({"pip_index": "https://u:p@nexus.site-example.com/simple"}, "pip_index", ".netrc"),
    ({"database_url": "postgres://u:100%sure@db/one"}, "database_url", "%23"),
    ({"database_url": "postgres://u:a^b@db/one"}, "database_url", "%23"),
    ({"database_url": "u:p@tcp(db:3306)/"}, "database_url", "host:3306"),
    ({"database_url": "u:p?q@tcp(db:3306)/one"}, "database_url", "host:3306"),
    ({"database_url": "u:p@tcp(db:3306)/one?loc=Asia/Shanghai"}, "database_url", "host:3306"),
    ({"redis_url": "redis://:pa#ss@host:6379/0"}, "redis_url", "%23"),
    ({"redis_url": "redis://:100%sure@host:6379/0"}, "redis_url", "%23"),
    ({"redis_url": "redis://host:abc/0"}, "redis_url", "6379"),
    ({"redis_url": "redis://host:6379/zero"}, "redis_url", "6379"),
    (
        {"backup": ["rest:https://user:pa/ss@backup.site-example.com/"], "backup_password": "x"},
        "backup[0]",
        "rest:https",
    ),
    ({"open_ports": 8080}, "open_ports", "square brackets"),
    ({"open_ports": [8080, 0]}, "open_ports[1]", "choose one"),
    ({"open_ports": ["51820/sctp"]}, "open_ports[0]", "by itself"),
    ({"open_ports": ["8000-9000"]}, "open_ports[0]", "by itself"),
    ({"open_ports": ["8000"]}, "open_ports[0]", "without quotes"),
    ({"open_ports": ["70000/udp"]}, "open_ports[0]", "choose one"),
    ({"acme_email": "nobody"}, "acme_email", "admin@example.com"),
    ({"certificate_names": ["*.site-example.com"]}, "certificate_names", "dns-01"),
    ({"certificate_names": ["*.*.site-example.com"]}, "certificate_names[0]", ""),
    ({"acme_dns_provider": "alidns"}, "acme_dns_provider", "dns-01"),
    ({"acme_challenge": "dns-01"}, "acme_dns_provider", "alidns"),
    ({**DNS, "acme_dns_credentials": {}}, "acme_dns_credentials", "lego's page"),
    ({**DNS, "certbot": "distribution"}, "certbot", "remove"),
    ({**DNS, "acme_dns_provider": "Ali DNS"}, "acme_dns_provider", "alidns"),
    (
        {
            **DNS,
            "acme_dns_provider": "rfc2136",
            "domain": "site-example.com",
            "certificate_names": ["*.site-example.com"],
        },
        "certificate_names",
        "leave one",
    ),
    ({"trusted_proxies": ["cloudfare"]}, "trusted_proxies[0]", "10.0.0.0/8"),
    ({"proxy_protocol": True}, "trusted_proxies", "10.0.0.5"),
    ({"trusted_proxies": ["cloudflare", "10.0.0.5"]}, "trusted_proxies", "leave 10.0"),
    ({"trusted_proxies": ["0.0.0.0/0"]}, "trusted_proxies[0]", "10.0.0.0/8"),
    (
        {"trusted_proxies": ["10.0.0.5"], "proxy_protocol": True, "moves_from": "192.0.2.1"},
        "proxy_protocol",
        "until the move",
    ),
    ({"acme_email": None}, "acme_email", "acme_email"),
    ({"root_password": "short"}, "root_password", "generated"),
    ({"root_password": "x" * 21}, "root_password", "generated"),
    ({"database_url": ""}, "database_url", "os.environ"),
    ({"database_url": "mysql://u:p@h/d"}, "database_url", "@tcp(host:3306)"),
    ({"database_connections": 1}, "database_connections", "choose one"),
    ({"redis_url": "localhost:6379"}, "redis_url", "redis://"),
    ({"overload_guard": "yes"}, "overload_guard", "True"),
    ({"artifact_sha256": "abc"}, "artifact_sha256", "sha256sum"),
    ({"artifact_mirror": "mirror.com"}, "artifact_mirror", "https://"),
    ({"certificate": "self-signed"}, "certificate", "write one of these"),
    ({"certificate": "external"}, "certificate_file", "name the file"),
    ({"certbot": "distribution", "acme_profile": "tlsserver"}, "acme_profile", "distribution"),
    ({"environment": {"lower": "x"}}, "environment.lower", "NAME"),
    ({"environment": {"NAME": "a\0b"}}, "environment.NAME", "quotes"),
    ({"environment": {"NAME": "\ud800"}}, "environment.NAME", "quotes"),
    ({"environment": {"NAME": "x" * 32769}}, "environment.NAME", "quotes"),
    ({"environment": {"NAME": 1}}, "environment.NAME", "quotes"),
    ({"environment": {None: "x"}}, "environment.None", "NAME"),
    ({"environment": {"PORT": "1"}}, "environment.PORT", '"one_api_port"'),
    ({"environment": {"SQLITE_PATH": "/x"}}, "environment.SQLITE_PATH", "remove it"),
    ({"environment": {"SQL_DSN": "x"}}, "environment.SQL_DSN", '"database_url"'),
    ({"environment": {"SESSION_SECRET": "x"}}, "environment.SESSION_SECRET", "remove it"),
    (
        {"environment": {"GLOBAL_API_RATE_LIMIT": "1"}},
        "environment.GLOBAL_API_RATE_LIMIT",
        "remove",
    ),
    ({"open_ports": [8080, 3000]}, "open_ports", "remove 3000"),
    ({"open_ports": [8080], "one_api_port": 8080}, "open_ports", "remove 8080"),
    ({"pip_index": "https://x.example.com/$(id) "}, "pip_index", "https://"),
    ({"pip_index": "http://["}, "pip_index", "https://"),
    ({"pip_index": "https://x.example.com:99999/"}, "pip_index", "https://"),
    ({"acme_email": "-x@example.com"}, "acme_email", "admin@example.com"),
    ({"acme_email": "x@example.com --staging"}, "acme_email", "admin@example.com"),
    ({"root_password": "abcd efgh"}, "root_password", "generated"),
    ({"root_password": "abcdefgh\r"}, "root_password", "os.environ"),
    ({"root_password": "密码密码密码密码密码"}, "root_password", "generated"),
    ({"log_days": 10**30}, "log_days", "choose one"),
    ({"alert_quiet_minutes": 10**30}, "alert_quiet_minutes", "choose one"),
    ({"time_zone": "Mars/Olympus"}, "time_zone", "Asia/Shanghai"),
    ({"time_zone": "Asia/Shangai"}, "time_zone", "Asia/Shanghai"),
    ({"time_zone": "PRC"}, "time_zone", 'write "'),
    ({"time_zone": "../../etc/passwd"}, "time_zone", 'write "'),
    ({"certificate_file": "/etc/x;}.pem"}, "certificate_file", "first /"),
    ({"certificate_file": "/etc/x$y.pem"}, "certificate_file", "first /"),
    ({"database_url": "postgres://u:p@$(id)/d"}, "database_url", "@tcp(host:3306)"),
    ({"database_url": "u:p@tcp($(id):3306)/d"}, "database_url", "@tcp(host:3306)"),
    ({"gateway_networks": [1]}, "gateway_networks[0]", "10.0.0.0/8"),
    ({"public_addresses": [1]}, "public_addresses[0]", "203.0.113.10"),
    ({"tunnels": ["alice"]}, "tunnels", "alice.dev.example.com"),
    ({"tunnels": {"alice": {"key": KEY}}}, "tunnels.alice", '"domain"'),
    ({"tunnels": {"Alice": tunnel("a")}}, "tunnels.Alice", "write it as alice"),
    ({"tunnels": {"alice": tunnel("a") | {"key": "mine"}}}, "tunnels.alice.key", "ssh-keygen"),
    ({"tunnels": {"alice": tunnel("pay")}}, "tunnels.alice.domain", "a name of its own"),
    ({"tunnels": {"a": tunnel("x"), "b": tunnel("x")}}, "tunnels.b.domain", "a name of its own"),
    (
        {
            "tunnels": {"a": tunnel("x")},
            "certificate": "external",
            "certificate_file": "/c",
            "certificate_key_file": "/k",
        },
        "tunnels",
        "external",
    ),
    ({"waive": [[]]}, "waive[0]", "write one of these"),
    ({"environment": ["NAME"]}, "environment", "NAME"),
    ({"public_addresses": ["here"]}, "public_addresses[0]", "203.0.113.10"),
    ({"log_days": 0}, "log_days", "choose one"),
    ({"lab": "yes"}, "lab", "True or False"),
    ({"waive": ["dns"]}, "waive[0]", "dns."),
    ({"version": "latest"}, "version", "v0.14.27"),
    ({"time_zone": "a b"}, "time_zone", 'write "'),
    ({"tiktoken_data": "here"}, "tiktoken_data", "first /"),
]


@pytest.mark.parametrize(("settings", "path", "remedy"), REFUSED, ids=lambda value: str(value)[:40])
def test_refused(settings: dict[str, Any], path: str, remedy: str) -> None:
    with pytest.raises(ValidationError) as caught:
        site(**settings)
    problem = caught.value.problems[0]
    assert problem.path == path
    assert remedy in problem.remedy


def test_all_problems_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        Site.parse({"domain": "https://x.com", "editon": "y", "one_api_port": 0})
    paths = [problem.path for problem in caught.value.problems]
    assert paths == ["editon", "domain", "one_api_port", "acme_email"]


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("callbacks", False, 'write "off"'),
        ("callbacks", "yes", 'write "on"'),
        ("reconcile", True, "write one of these words"),
        ("reconcile", False, "write one of these words"),
        ("edition", "DoneHub", 'write "done-hub"'),
        ("edition", "new_api", 'write "new-api"'),
        ("certificate", "letsencrypt", "write one of these words"),
        ("language", "EN", 'write "en"'),
        ("ssh_usr", "root", 'write "ssh_user"'),
        ("port", 22, 'write "ssh_port"'),
        ("user", "root", 'write "ssh_user"'),
        ("sudo", True, 'write "_sudo"'),
        ("_sudo_pasword", "x", 'write "_sudo_password"'),
    ],
)
def test_the_remedy_is_what_was_meant(name: str, value: object, remedy: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Site.parse(SMALLEST | {name: value})
    assert [(each.path, each.remedy) for each in caught.value.problems] == [(name, remedy)]


def test_each_name_of_pyinfras_ssh_is_known() -> None:
    assert set(typing.get_type_hints(ssh.ConnectorData)) < set(settings.CONNECTION)


def test_smallest_site() -> None:
    small = site()
    assert small.edition.name == "one-hub"
    assert small.version == small.edition.version
    assert small.callback_domain == small.domain
    assert small.acme_staging_server == LETS_ENCRYPT_STAGING
    assert small.domains == ("pay.site-example.com",)


def test_another_ca_has_no_staging_of_lets_encrypts() -> None:
    assert site(acme_server="https://ca.site-example.com/dir").acme_staging_server is None


def test_connection_data_is_passed_over() -> None:
    assert Site.parse(SMALLEST | {"ssh_user": "x", "_sudo": True}).domain


def test_every_setting_is_a_field_of_the_site() -> None:
    assert {*SETTINGS, "inventory"} == set(Site.__dataclass_fields__)


def test_secrets_are_not_public() -> None:
    public = site(root_password="abcdefgh1", database_url="postgres://u:p@h/d").public()
    assert {"root_password", "database_url"}.isdisjoint(asdict(public))
    assert "abcdefgh1" not in repr(site(root_password="abcdefgh1"))


GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.none(), inner)
    ),
)


@pytest.mark.parametrize("name", SETTINGS)
@given(value=GARBAGE)
@example("x" * 2**20)
@example("\ud800")
@example("a\0b")
@example("a\rb")
def test_whatever_stands_there_is_taken_or_refused(name: str, value: Any) -> None:
    try:
        made = site(**{name: value})
    except ValidationError as error:
        assert all(len(f"{each.expected}{each.path}") < 1000 for each in error.problems)
        return
    assert made.environment or not _has_control(repr_of(made))


def repr_of(made: Site) -> str:
    """All texts of a site but its variables, which may hold what they like."""
    return "".join(str(getattr(made, field)) for field in SETTINGS if field != "environment")


def _has_control(text: str) -> bool:
    return any(ord(each) < 32 or 0x7F <= ord(each) < 0xA0 for each in text)


@given(value=st.from_regex(parsers.URL, fullmatch=True))
def test_an_index_reaches_pip_whole(value: str) -> None:
    try:
        made = site(pip_index=value)
    except ValidationError:
        return
    words = shlex.split(system.venv_script(made))
    assert words[words.index("--index-url") + 1] == value


@pytest.mark.parametrize(("names", "expected"), [
    ((), ("site-example.com",)),
    (("*.site-example.com",), ("site-example.com", "*.site-example.com")),
    (("*.site-example.com", "x.site-example.com", "a.b.site-example.com"),
     ("site-example.com", "*.site-example.com", "a.b.site-example.com")),
])  # fmt: skip
def test_no_name_is_asked_for_beside_the_wildcard_that_covers_it(
    names: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    made = site(**DNS, domain="site-example.com", certificate_names=list(names))
    assert made.certificate_domains == expected
    assert made.public().certificate_domains == expected


def test_proxies_are_named_by_networks_files_and_a_cdn_s_name(tmp_path: Path) -> None:
    ranges = tmp_path / "ranges"
    ranges.write_text("# of our balancer\n10.0.0.0/24\n\n2001:db8::/48\n")
    made = site(trusted_proxies=["192.0.2.7", str(ranges)])
    assert made.proxies == ("192.0.2.7/32", "10.0.0.0/24", "2001:db8::/48")
    assert "104.16.0.0/13" in site(trusted_proxies=["cloudflare"]).proxies
    ranges.write_text("10.0.0.0/24 # x\n")
    with pytest.raises(ValidationError, match="trusted_proxies"):
        _ = site(trusted_proxies=[str(ranges)]).proxies
