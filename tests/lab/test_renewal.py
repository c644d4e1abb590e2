"""Renewals under load, and a deploy hook that fails."""

import ssl
import threading
import time

import pytest
from cryptography import x509

from one_api_infra.lab import process
from one_api_infra.lab.ca import Ca
from tests.lab.sites import LabSite

LIFETIME = 60  # seconds
SHORT = 24
RENEWALS = 2
PAUSE = 0.02  # four clients without one use up all ports of this machine in a minute
UNIT = "one-api-certificate.service"
HOOK = "/etc/one-api-infra/letsencrypt/renewal-hooks/deploy/one-api-infra"


BLOG = """server {
    listen 80;
    server_name blog.lab.test;
    access_log /var/www/blog/access.log;
}
"""


class Load(threading.Thread):
    """New connections with full verification, one after the other."""

    def __init__(self, site: LabSite) -> None:
        super().__init__(daemon=True)
        self.outside = site.outside
        self.done = 0
        self.failures: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                # Through to One API, on a route that it does not limit: it knows no such token.
                assert self.outside.get("/v1/models").status in {401, 404}
            except (OSError, AssertionError) as error:
                self.failures.append(repr(error))
            self.done += 1
            self.ended.wait(PAUSE)


def _short_lived(site: LabSite, lifetime: int = SHORT) -> Ca:
    """Let the site have certificates that live so many seconds."""
    ca = site.lab.ca
    ca.stop("short")
    ca.start_one("short", lifetime)
    site.host.ssh("rm -rf /etc/one-api-infra/letsencrypt")
    roots = str(ca.issuer_of("short"))
    site.inventory(acme_server=ca.url("short"), acme_staging_server=None, trusted_ca_file=roots)
    site.converge()
    return ca


def _wire(site: LabSite) -> x509.Certificate:
    return x509.load_der_x509_certificate(site.outside.certificate())


def _disk(site: LabSite) -> x509.Certificate:
    path = f"/etc/one-api-infra/letsencrypt/live/{site.domain}/fullchain.pem"
    return x509.load_pem_x509_certificates(site.host.ssh(f"cat {path}").encode())[0]


def _start(site: LabSite) -> str:
    """One run of the renewal as the timer starts it; its result."""
    # Five starts in ten seconds are systemd's limit.
    site.host.ssh(f"sleep 3; systemctl start {UNIT}", check=False)
    return site.host.ssh(f"systemctl show --property=Result --value {UNIT}").strip()


def _renew(site: LabSite) -> None:
    """Run it until there is a new certificate: when one is due, the CA (ARI) says, or certbot."""
    old = _disk(site).serial_number
    process.wait_until(
        lambda: bool(_start(site)) and _disk(site).serial_number != old, LIFETIME, "a renewal"
    )


@pytest.mark.long
def test_renewals_under_load(site: LabSite) -> None:
    """Beside a site whose log stands where the renewal's unit may not write."""
    site.host.ssh("mkdir -p /var/www/blog && cat >/etc/nginx/conf.d/blog.conf", stdin=BLOG)
    _short_lived(site, LIFETIME)
    load = [Load(site) for _index in range(4)]
    for each in load:
        each.start()
    serials = {_wire(site).serial_number}
    for _round in range(RENEWALS):
        _renew(site)
        serials.add(_wire(site).serial_number)
        assert _wire(site).serial_number == _disk(site).serial_number
    for each in load:
        each.ended.set()
        each.join()
    assert len(serials) == RENEWALS + 1
    assert sum(each.done for each in load) > 200
    assert [failure for each in load for failure in each.failures] == []


@pytest.mark.long
def test_failing_hook_is_noticed(site: LabSite) -> None:
    """certbot says nothing; the unit fails, and the certificate is served all the same."""
    _short_lived(site)
    site.host.ssh(f"printf '#!/bin/sh\\nexit 3\\n' >{HOOK}")
    _renew(site)
    said = site.host.ssh(f"systemctl show --property=Result --value {UNIT}; journalctl -u {UNIT}")
    assert said.startswith("exit-code")
    assert "The deploy hook had not brought the new certificate to nginx" in said
    assert _wire(site).serial_number == _disk(site).serial_number
    assert "test_last_renewal_did_not_fail" in site.verify().stdout


@pytest.mark.long
def test_renewal_with_the_ca_down_is_noticed(site: LabSite) -> None:
    ca = _short_lived(site)
    ca.stop("short")
    process.wait_until(lambda: _start(site) != "success", LIFETIME, "a failed renewal")
    assert "The renewal failed" in site.host.ssh(f"journalctl -u {UNIT} -o cat")


@pytest.mark.long
def test_expired_certificate_is_replaced_by_a_deploy(site: LabSite) -> None:
    _short_lived(site)
    end = _disk(site).not_valid_after_utc.timestamp()
    process.wait_until(lambda: time.time() > end + 1, LIFETIME + 5, "the end")
    with pytest.raises(ssl.SSLCertVerificationError):
        site.outside.get("/api/status")
    site.converge()
    assert site.answers()
