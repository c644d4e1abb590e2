"""The certificate on disk and on the wire."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from testinfra.host import Host

from one_api_infra.desired.site import Site
from tests.server.wire import Wire

LIVE = "/etc/one-api-infra/letsencrypt/live"
# A certificate is renewed when a third of its life is left; a tenth means that this has failed.
ALARM_FRACTION = 0.1


@pytest.fixture(scope="module")
def path(site: Site) -> str:
    """Where the chain stands on the server."""
    return site.certificate_file or f"{LIVE}/{site.domain}/fullchain.pem"


@pytest.fixture(scope="module")
def wire(outside: Wire) -> x509.Certificate:
    """What the world is shown."""
    return x509.load_der_x509_certificate(outside.certificate())


@pytest.fixture(scope="module")
def acme(site: Site) -> Site:
    """The site, where certbot is at work."""
    if site.certificate != "acme":
        pytest.skip("the certificate comes from elsewhere")
    return site


def test_wire_is_disk(host: Host, path: str, wire: x509.Certificate) -> None:
    disk = x509.load_pem_x509_certificates(host.check_output("cat %s", path).encode())[0]
    assert disk.serial_number == wire.serial_number


def test_key_matches_and_is_private(host: Host, site: Site, path: str) -> None:
    key = site.certificate_key_file or path.replace("fullchain", "privkey")
    public = host.check_output("openssl pkey -in %s -pubout", key)
    chain = host.check_output("openssl x509 -in %s -noout -pubkey", path)
    assert public == chain
    owner, mode = host.check_output("stat -L -c '%%U %%a' %s", key).split()
    # Somebody else's may be open to a group of its own.
    assert owner == "root"
    assert mode == "600" or (site.certificate_key_file and int(mode, 8) & 0o027 == 0)


def test_chain_is_complete_and_trusted(outside: Wire) -> None:
    assert outside.get("/api/status").status == 200  # with the strictest of verifications


def test_callback_domain_is_covered(site: Site, wire: x509.Certificate) -> None:
    alternative = wire.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    names = alternative.value.get_values_for_type(x509.DNSName)
    missing = [
        name for name in site.domains if not {name, f"*.{name.partition('.')[2]}"} & set(names)
    ]
    assert missing == []


def test_life_is_left(wire: x509.Certificate) -> None:
    now = datetime.datetime.now(datetime.UTC)
    life = wire.not_valid_after_utc - wire.not_valid_before_utc
    assert (wire.not_valid_after_utc - now) / life > ALARM_FRACTION


def test_key_type_is_the_chosen_one(site: Site, acme: Site, wire: x509.Certificate) -> None:
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    size = len(wire.public_key().public_bytes(*form))
    assert (size > 300) == (site.key_type == "rsa")


@pytest.mark.parametrize(
    ("version", "is_spoken"),
    [("TLSv1", False), ("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)],
)
def test_protocol(outside: Wire, version: str, is_spoken: bool) -> None:
    assert outside.speaks(version) == is_spoken


def test_timer_is_enabled_and_has_a_next_time(host: Host, acme: Site) -> None:
    assert host.service("one-api-certificate.timer").is_enabled
    listed = host.check_output("systemctl list-timers --no-legend one-api-certificate.timer")
    assert listed
    assert not listed.startswith("-")


def test_last_renewal_did_not_fail(host: Host, acme: Site) -> None:
    result = "systemctl show --property=Result --value one-api-certificate.service"
    assert host.check_output(result) == "success"


def test_hook_can_run(host: Host, acme: Site) -> None:
    hook = "/etc/one-api-infra/letsencrypt/renewal-hooks/deploy/one-api-infra"
    assert host.run("test -x %s", hook).rc == 0
    program = host.check_output("tail -n 1 %s", hook).split()
    assert host.run("%s -c 'import cryptography'", program[1]).rc == 0


def test_certbot_knows_one_lineage(host: Host, acme: Site) -> None:
    wanted = [acme.domain, *(each.lineage for each in acme.tunnels)]
    found = host.check_output("ls %s", LIVE.replace("live", "renewal")).split()
    assert sorted(found) == sorted(f"{name}.conf" for name in wanted)
