"""dns-01: the CA asks DNS, and port 80 is closed to the world all the time."""

import secrets
from base64 import b64encode
from collections.abc import Callable, Iterator

import pytest

from one_api_infra.lab.lab import Lab
from one_api_infra.lab.process import wait_until
from tests.lab.conftest import SYSTEMS, packaged_site
from tests.lab.sites import LabSite
from tests.lab.zones import ZoneServer

ZONE, CHALLENGES = "dns.lab.test", "acme.lab.test"
LIVE = "/etc/one-api-infra/letsencrypt/live"
# As a cloud's security group: nobody from outside comes to port 80.
CLOSED = (
    "apt-get -qq update && apt-get -qq install -y nftables >/dev/null 2>&1; nft add table inet"
    " cloud; nft 'add chain inet cloud input { type filter hook input priority -10; }';"
    " nft 'add rule inet cloud input iif != lo tcp dport 80 drop'"
)
NAMES = "openssl x509 -noout -ext subjectAltName -in {path} | grep -o 'DNS:[^,]*' | sort"


@pytest.fixture(scope="module")
def zones(lab: Lab) -> Iterator[ZoneServer]:
    """BIND with a site's whole zone, and one that holds nothing but challenges."""
    server = ZoneServer(lab, lab.create("bind", "debian-12"), (ZONE, CHALLENGES))
    server.install()
    yield server
    server.host.remove()


@pytest.fixture
def site(lab: Lab, zones: ZoneServer, request: pytest.FixtureRequest) -> Iterator[LabSite]:
    """A host without a site whose name is in that zone."""
    system = getattr(request, "param", "debian-13")
    name = f"d{system[-2:]}{secrets.token_hex(2)}"
    made = packaged_site(lab, name, f"{name}.{ZONE}", system)
    zones.point(made.domain, made.host)
    made.host.ssh(CLOSED)
    made.inventory(
        acme_challenge="dns-01", acme_dns_provider="rfc2136", acme_dns_seconds=1,
        acme_dns_credentials=zones.credentials(),
    )  # fmt: skip
    yield made
    made.host.remove()


def names(site: LabSite) -> list[str]:
    path = f"{LIVE}/{site.domain}/fullchain.pem"
    return [line[4:] for line in site.host.ssh(NAMES.format(path=path)).split()]


def served(site: LabSite) -> str:
    """The serial number on the wire."""
    return site.host.ssh(
        f"openssl s_client -connect 127.0.0.1:443 -servername {site.domain} </dev/null 2>/dev/null"
        " | openssl x509 -noout -serial"
    )


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("site", SYSTEMS, indirect=True)
def test_issued_renewed_and_the_domain_changed(site: LabSite, zones: ZoneServer) -> None:
    site.converge()
    assert site.deploy("-y", "--json").changed == []
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout
    assert names(site) == [site.domain]
    before = served(site)
    site.host.ssh(
        f"sed -i '1i renew_before_expiry = 3000 days'"
        f" /etc/one-api-infra/letsencrypt/renewal/{site.domain}.conf;"
        " systemctl start one-api-certificate.service"
    )
    assert served(site) != before
    site.host.ssh("systemctl start one-api-rehearsal.service")
    assert site.verify("-k", "certificate").returncode == 0
    other = f"new{site.domain}"
    zones.point(other, site.host)
    site.inventory(domain=other)
    site.converge()
    assert names(site) == [other]
    assert site.answers()
    assert zones.challenges() == []  # every TXT record was taken away again


@pytest.mark.long
@pytest.mark.timeout(600)
def test_wildcard_and_several_names(site: LabSite, zones: ZoneServer) -> None:
    pay = f"pay-{site.domain}"
    zones.point(pay, site.host)
    site.inventory(
        callback_domain=pay,
        certificate_names=[f"*.{ZONE}", f"extra-{site.domain}", f"deep.{site.domain}"],
    )
    site.converge()
    assert names(site) == [f"*.{ZONE}", f"deep.{site.domain}"]  # the wildcard covers the others
    assert site.deploy("-y", "--json").changed == []
    assert site.verify("-k", "certificate or callback").returncode == 0


@pytest.mark.long
@pytest.mark.timeout(600)
def test_challenges_are_delegated(
    packaged: Callable[[str], LabSite], lab: Lab, zones: ZoneServer
) -> None:
    """The site's own zone can be changed by nobody; a CNAME leads to one for challenges alone."""
    site = packaged("debian-13")
    site.host.ssh(CLOSED)
    place = f"{site.host.name}.{CHALLENGES}"
    lab.records(**{f"_acme-challenge.{site.domain}": {"CNAME": [f"{place}."]}})
    site.inventory(
        acme_challenge="dns-01", acme_dns_provider="rfc2136", acme_dns_seconds=1,
        acme_dns_credentials=zones.credentials(),
    )  # fmt: skip
    site.converge()
    assert names(site) == [site.domain]
    verified = site.verify("-k", "dns or certificate")
    assert verified.returncode == 0, verified.stdout
    lab.records(**{f"_acme-challenge.{site.domain}": {"CNAME": ["gone.nobodys-zone.test."]}})
    stopped = site.deploy("-y", name="preflight")
    assert stopped.code != 0
    assert "gone.nobodys-zone.test" in stopped.stderr


@pytest.mark.long
@pytest.mark.timeout(600)
def test_what_can_go_wrong_is_named(site: LabSite, zones: ZoneServer) -> None:
    wrong = b64encode(secrets.token_bytes(32)).decode()
    site.inventory(acme_dns_credentials=zones.credentials(RFC2136_TSIG_SECRET=wrong))
    refused = site.deploy("-y")
    assert refused.code != 0
    assert "acme_dns_credentials" in refused.stderr
    assert "bad authentication" in refused.stderr
    assert wrong not in refused.stderr + refused.stdout
    site.inventory(acme_dns_provider="nosuch")
    unknown = site.deploy("-y")
    assert "acme_dns_provider" in unknown.stderr
    site.inventory(acme_dns_provider="rfc2136", acme_dns_credentials=zones.credentials())
    site.converge()
    zones.host.ssh("rndc freeze")  # updates are refused, questions are answered
    site.host.ssh("systemctl start one-api-rehearsal.service")
    stopped = site.verify("-k", "certificate.rehearsal")
    zones.host.ssh("rndc thaw")
    assert stopped.returncode != 0
    assert "acme_dns_credentials" in stopped.stdout
    site.host.ssh("systemctl start one-api-rehearsal.service")
    assert site.verify("-k", "certificate.rehearsal").returncode == 0


@pytest.mark.long
@pytest.mark.timeout(600)
def test_records_that_arrive_late(site: LabSite, zones: ZoneServer, lab: Lab) -> None:
    """The provider's public servers are seconds behind: the CA is told to wait."""
    secondary = lab.create("late", "debian-12")
    try:
        zones.behind(secondary)
        question = f"dig +short @{secondary.address} {site.domain}"
        wait_until(lambda: zones.host.ssh(question).strip() != "", 30, "the secondary")
        too_early = site.deploy("-y")
        assert too_early.code != 0
        assert "acme_dns_seconds" in too_early.stderr
        site.inventory(acme_dns_seconds=15)
        site.converge()
        assert site.answers()
    finally:
        zones.answer()
        secondary.remove()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_slow_provider_is_waited_for(site: LabSite, zones: ZoneServer) -> None:
    zones.host.ssh(
        # The CA asks the same server, and waits two seconds.
        "systemd-run --quiet sh -c 'for i in $(seq 20); do"
        " systemctl kill -s STOP named; sleep 1.4; systemctl kill -s CONT named; sleep 1; done'"
    )
    site.converge()
    assert names(site) == [site.domain]


@pytest.mark.long
def test_no_secret_of_the_provider_s_is_seen(site: LabSite, zones: ZoneServer) -> None:
    site.converge()
    found = site.host.ssh(
        f"grep -rlF '{zones.secret}' /etc /var /opt /run /tmp 2>/dev/null"
        " | xargs -r stat -c '%n %a %U'"
    )
    assert found.split("\n")[:-1] == ["/etc/one-api-infra/dns.env 600 root"]
    site.inventory(acme_challenge="http-01")
    for name in ("acme_dns_provider", "acme_dns_credentials"):
        del site.settings[name]
    site.host.ssh("nft delete table inet cloud")
    site.converge()
    assert site.host.ssh("ls /etc/one-api-infra/dns* 2>/dev/null || true") == ""
    assert site.deploy("-y", "--json").changed == []
