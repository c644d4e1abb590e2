"""Each failure names its cause and its remedy, and what served before still serves."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.sites import ROOT, LabSite, Result


def _says(result: Result, *words: str) -> None:
    assert result.code != 0
    said = " ".join(result.stderr.split())
    missing = [word for word in (*words, "Remedy") if word not in said]
    assert missing == [], result.stderr


def test_bad_nginx_template(site: LabSite, tmp_path: Path) -> None:
    """nginx refuses the staged copy; the live configuration is not touched."""
    files = subprocess.check_output(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True
    )
    for name in files.split():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    broken = tmp_path / "templates/etc/nginx/one-api/headers.conf"
    broken.write_text("no_such_directive on;\n")
    before = site.host.ssh("find /etc/nginx -type f -exec sha256sum {} +")
    site.inventory()
    done = subprocess.run(
        site.command("-y"), cwd=tmp_path, capture_output=True, text=True, check=False,
        env=site.environment(PYTHONPATH=str(tmp_path)),
    )  # fmt: skip
    _says(Result(done.returncode, "", done.stderr), "nothing was changed", "no_such_directive")
    assert site.host.ssh("find /etc/nginx -type f -exec sha256sum {} +") == before
    assert site.answers()


NGINX_TREE = (
    "find /etc/nginx -printf '%p %l %m\\n' | sort; find /etc/nginx -type f -exec md5sum {} + | sort"
)
CONFIGURATION = """
import json, pathlib
folder = pathlib.Path("/etc/nginx/one-api")
parts = {path.name: path.read_text() for path in folder.iterdir()}
parts["acme.conf"] = "location ^~ /.well-known/acme-challenge/ { return 404; }"
print(json.dumps({"release": "deaf", "parts": parts, "files": {}, "absent": []}))
"""


def test_nginx_that_does_not_serve_is_put_back(site: LabSite) -> None:
    """A configuration that nginx finds sound, but that does not answer the CA."""
    before = site.host.ssh(NGINX_TREE)
    configuration = site.host.ssh("python3 -", stdin=CONFIGURATION)
    agent = "/opt/one-api-infra/venv/bin/python /opt/one-api-infra/one-api-infra.pyz nginx"
    done = site.host.ssh(f"{agent} 2>&1; echo code $?", stdin=configuration)
    assert "the old one is back: port 80 answers 404 for an ACME challenge" in done
    assert "code 1" in done
    assert site.host.ssh(NGINX_TREE) == before
    assert site.answers()


def test_ca_that_is_down(site: LabSite) -> None:
    """The new domain gets no certificate; the old one is served on."""
    old = site.outside
    site.lab.point("new.lab.test", site.host)
    orders = site.lab.ca.orders("production")
    nobody = site.lab.ca.url("staging").replace(":14001", ":14999")
    site.inventory(domain="new.lab.test", acme_staging_server=nobody)
    _says(site.deploy("-y"), "staging CA refused", "Connection refused")
    assert site.lab.ca.orders("production") == orders
    assert old.get("/api/status").status == 200


def test_dns_that_points_elsewhere(site: LabSite) -> None:
    here = site.host.address
    site.lab.records(**{site.domain: {"A": ["198.51.100.7"], "AAAA": []}})
    _says(site.deploy("-y"), "dns.points_here: the A record of", "leads to 198.51.100.7", here)
    site.lab.records(**{site.domain: {"A": [here], "AAAA": ["2001:db8::7"]}})
    _says(site.deploy("-y"), "the AAAA record of", "leads to 2001:db8::7")
    site.lab.point(site.domain, site.host)
    assert site.answers()


def test_dns_that_does_not_know_the_name(site: LabSite) -> None:
    site.inventory(domain="nowhere.lab.test")
    _says(site.deploy("-y"), "nowhere.lab.test has no address", "NXDOMAIN", "add an A record")


def test_wrong_sha256(site: LabSite) -> None:
    site.inventory(artifact_sha256="0" * 64)
    _says(site.deploy("-y"), "artifact_sha256", "0" * 64)
    assert site.answers()


def test_release_that_does_not_start(site: LabSite, tmp_path: Path) -> None:
    """The release before runs again."""
    broken = tmp_path / "one-api"
    broken.write_text("#!/bin/sh\necho 'cannot open the database' >&2\nexit 1\n")
    broken.chmod(0o755)
    site.inventory(artifact=str(broken))
    _says(site.deploy("-y"), "does not start", "cannot open the database")
    assert site.answers()


@pytest.mark.parametrize("port", [80, 443])
def test_port_held_by_another_server(blank: Callable[[str], LabSite], port: int) -> None:
    site = blank("debian-13")
    listen = (
        "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => shift, Listen => 5,"
        " ReuseAddr => 1) or die; sleep 600"
    )
    site.host.ssh(f"systemd-run --quiet perl -e '{listen}' {port}; sleep 0.5")
    _says(site.deploy("-y"), f"network.port_taken: perl holds port {port}")
    assert site.host.ssh("ls /opt") == ""


def test_full_disk(site: LabSite) -> None:
    site.host.ssh("mount -t tmpfs -o size=50m tmpfs /opt")
    _says(site.deploy("-y"), "system.disk: /opt has")
    site.host.ssh("umount /opt")
    assert site.answers()


def test_unknown_setting_changes_nothing(site: LabSite) -> None:
    site.inventory(domian="x.lab.test", one_api_port="3000")
    _says(site.deploy("-y"), 'write "domain"', "one_api_port: a number from 1")


EVERYTHING = (
    "find /boot /etc /home /opt /root /srv /usr /var/lib -xdev ! -name '*.socket' -printf"
    " '%p %y %m %u %g %l\\n' | sort;"
    " find /boot /etc /home /opt /root /srv /usr/local /var/lib -xdev"
    " -type f -exec sha256sum {} + | sort; nft list ruleset 2>/dev/null; dpkg -l | md5sum;"
    " systemctl list-unit-files --no-pager --no-legend; ls -A /tmp"
)


def test_preflight_that_fails_leaves_the_host_as_it_was(blank: Callable[[str], LabSite]) -> None:
    site = blank("debian-13")
    before = site.host.ssh(EVERYTHING)
    site.lab.records(**{site.domain: {"A": ["198.18.255.9"], "CAA": ['0 issue "ca.example"']}})
    stopped = site.deploy("-y")
    said = " ".join(stopped.stderr.split())
    assert stopped.code != 0
    assert "dns.points_here: the A record of" in said
    assert "dns.caa: the CAA record at" in said
    assert site.host.ssh(EVERYTHING) == before
    site.inventory(waive=["dns.points_here", "dns.caa"])
    waived = site.deploy("--dry")
    assert "waived: dns.caa" in " ".join(waived.stderr.split())
