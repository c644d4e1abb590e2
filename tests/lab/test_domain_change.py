"""A change of ``domain`` moves everything: the old name is left in logs and backups only."""

import json

import pytest

from one_api_infra.lab.lab import Lab
from tests.lab import real
from tests.lab.conftest import packaged_site
from tests.lab.sites import LabSite

SCAN = (
    "grep -rIl --exclude-dir=log --exclude-dir=previous --exclude-dir=certbot {old}"
    " /etc /opt /var /root /home /run /usr/local 2>/dev/null || true"
)
CERTIFICATES = (
    "find / -xdev -name '*.pem' -not -path '/usr/*' -not -path '/etc/ssl/*' | while read -r f; do"
    ' openssl x509 -noout -ext subjectAltName -in "$f" 2>/dev/null; done'
)
DUMP = (
    "import sqlite3; db = sqlite3.connect('file:/var/lib/one-api/one-api.db?mode=ro', uri=True);"
    "print(chr(10).join(db.iterdump()))"
)


@pytest.mark.timeout(300)
def test_everything_moves(site: LabSite) -> None:
    everything_moves(site)


@pytest.mark.skipif(real.edition() != "new-api", reason="ONE_API_BINARY names no real New API")
@pytest.mark.timeout(300)
def test_everything_of_new_api_moves(lab: Lab) -> None:
    """Its passkeys, cookies, proxies and redirects name the domain too."""
    site = packaged_site(lab, "moving", "moving.lab.test")
    try:
        # A person has to accept New API's terms of payment.
        site.inventory(edition="new-api", waive=["backup.is_set", "payment.compliance"])
        site.converge()
        assert {"passkey.rp_id", "passkey.origins"} <= _options(site, site.domain)
        everything_moves(site)
        assert {"passkey.rp_id", "passkey.origins"} <= _options(site, site.domain)
    finally:
        site.host.remove()


def _options(site: LabSite, name: str) -> set[str]:
    """Options that name a domain, from the database."""
    found = site.rows("SELECT key, value FROM options")
    return {key for key, value in found if name in value}


def everything_moves(site: LabSite) -> None:
    """And the second run changes nothing."""
    old, new = site.domain, "moved.lab.test"
    site.lab.point(new, site.host)
    assert old in site.host.ssh(SCAN.format(old=old) + "; cat /etc/one-api-infra/site.json")
    site.inventory(domain=new)
    site.converge()

    assert site.host.ssh(SCAN.format(old=old)) == ""
    certificates = site.host.ssh(CERTIFICATES)
    assert (old in certificates, new in certificates) == (False, True)
    database = site.host.ssh(f'python3 -c "{DUMP}"')
    assert (old in database, f"https://{new}" in database) == (False, True)
    assert old not in site.host.ssh("systemctl cat '*' 2>/dev/null || true")
    status = json.loads(site.outside.get("/api/status").body)["data"]
    assert status["server_address"] == f"https://{new}"
    assert site.verify().returncode == 0
    assert site.deploy("-y", "--json").changed == []


@pytest.mark.long
def test_callbacks_can_have_a_name_of_their_own(site: LabSite) -> None:
    callback = "callback.lab.test"
    site.lab.point(callback, site.host)
    site.inventory(callback_domain=callback)
    site.converge()
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout
