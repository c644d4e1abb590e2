"""The other ways to a certificate: somebody else's files, RSA, Debian's certbot."""

from collections.abc import Callable

import pytest

from tests.lab.sites import LabSite

LIVE = "/etc/one-api-infra/letsencrypt/live"
EXTERNAL = {
    "certificate": "external",
    "certificate_file": "/etc/ssl/site.pem",
    "certificate_key_file": "/etc/ssl/site.key",
}


@pytest.mark.long
def test_external_certificate(site: LabSite) -> None:
    """Somebody else's files; ours and its timer are not needed."""
    site.host.ssh(
        f"cp -L {LIVE}/{site.domain}/fullchain.pem /etc/ssl/site.pem"
        f" && cp -L {LIVE}/{site.domain}/privkey.pem /etc/ssl/site.key"
        " && chmod 600 /etc/ssl/site.key"
    )
    site.inventory(**EXTERNAL)
    site.converge()
    assert "ssl_certificate /etc/ssl/site.pem;" in site.host.ssh("nginx -T 2>/dev/null")
    assert site.deploy("-y", "--json").changed == []
    assert site.host.ssh("systemctl is-enabled one-api-certificate.timer || true") == "disabled\n"
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout


@pytest.mark.long
def test_external_certificate_of_a_blank_server(
    blank: Callable[[str], LabSite], clone: Callable[[str], LabSite]
) -> None:
    """It comes before all that could read it."""
    other, site = clone("debian-13"), blank("debian-13")
    for name, path in (("fullchain", "site.pem"), ("privkey", "site.key")):
        content = other.host.ssh(f"cat {LIVE}/{other.domain}/{name}.pem")
        site.host.ssh(f"umask 077; cat >/etc/ssl/{path}", stdin=content)
    site.lab.point(other.domain, site.host)
    site.inventory(domain=other.domain, **EXTERNAL)
    site.converge()
    assert site.deploy("-y", "--json").changed == []
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout


def test_external_certificate_that_is_not_there(site: LabSite) -> None:
    site.inventory(
        certificate="external",
        certificate_file="/etc/ssl/missing.pem",
        certificate_key_file="/etc/ssl/missing.key",
    )
    stopped = site.deploy("-y")
    assert stopped.code != 0
    assert "to /etc/ssl/missing.pem, and its key to /etc/ssl/missing.key" in stopped.stderr
    assert site.answers()


@pytest.mark.long
def test_rsa(site: LabSite) -> None:
    site.inventory(key_type="rsa")
    site.converge()
    assert site.deploy("-y", "--json").changed == []
    key = f"{LIVE}/{site.domain}/privkey.pem"
    assert "2048 bit" in site.host.ssh(f"openssl pkey -noout -text -in {key} | head -n 1")
    verified = site.verify("-k", "certificate")
    assert verified.returncode == 0, verified.stdout


@pytest.mark.long
def test_certbot_of_the_distribution(clone: Callable[[str], LabSite]) -> None:
    """Debian 12's 2.1.0: it renews by a third of the real lifetime, not by 30 days."""
    site = clone("debian-12")
    site.host.ssh("rm -rf /etc/one-api-infra/letsencrypt")
    site.inventory(certbot="distribution")
    site.converge()
    renewal = site.host.ssh(f"cat /etc/one-api-infra/letsencrypt/renewal/{site.domain}.conf")
    assert renewal.startswith("renew_before_expiry = 7")  # hours: a third of 90 days is 720
    site.host.ssh("systemctl start one-api-certificate.service")
    assert site.deploy("-y", "--json").changed == []
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout
