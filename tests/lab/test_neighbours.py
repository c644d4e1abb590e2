"""A server that is not blank: what is not ours works as before, byte for byte; then we go."""

from collections.abc import Callable
from pathlib import Path

import pytest

from one_api_infra.lab import process
from tests.lab.sites import LabSite

THEIR_SITE = """
server {
    listen 80;
    listen [::]:80;
    server_name blog.lab.test;
    location / { return 200 "their blog\\n"; }
}
"""
THEIR_TABLE = (
    "table inet theirs {\n\tchain input {\n\t\ttype filter hook input priority 10;\n\t}\n}\n"
)
THEIRS = (
    "sha256sum /etc/nginx/nginx.conf /etc/nginx/sites-available/* /etc/nftables.conf"
    " /etc/postgresql/*/main/*.conf; find /etc/letsencrypt -type f -exec sha256sum {} + | sort;"
    " nft list table inet theirs; ls -l /etc/nginx/sites-enabled | tail -n +2"
)
# Whatever has our name, but for data and logs of One API, which stay unless told otherwise.
OWN = "find / -xdev -name '*one-api*' ! -path '/proc/*' ! -path '/var/lib/systemd/*' 2>/dev/null"
KEPT = ["/etc/one-api", "/etc/one-api/one-api.env", "/var/lib/one-api"]
KEPT = sorted([*KEPT, "/var/lib/one-api/one-api.db", "/var/lib/one-api.kept", "/var/log/one-api"])


@pytest.fixture
def neighbour(blank: Callable[[str], LabSite]) -> LabSite:
    """A host with a blog, a firewall table, a lineage and a database."""
    site = blank("debian-12")
    site.host.ssh(
        "export DEBIAN_FRONTEND=noninteractive; apt-get -qq update && apt-get -qq install -y"
        " --no-install-recommends nginx nftables postgresql certbot >/dev/null 2>&1"
        " && systemctl stop certbot.timer"
    )
    site.host.ssh("cat >/etc/nginx/sites-available/blog", stdin=THEIR_SITE)
    site.host.ssh("ln -s /etc/nginx/sites-available/blog /etc/nginx/sites-enabled/blog")
    site.host.ssh("cat >>/etc/nftables.conf", stdin=THEIR_TABLE)
    site.host.ssh("systemctl enable --now nftables && systemctl reload nginx")
    lineage = "/etc/letsencrypt/live/blog.lab.test"
    site.host.ssh(
        f"mkdir -p {lineage} /etc/letsencrypt/renewal && openssl req -x509 -newkey rsa:2048 -nodes"
        f" -subj /CN=blog.lab.test -keyout {lineage}/privkey.pem -out {lineage}/fullchain.pem"
        " 2>/dev/null && echo 'version = 2.1.0' >/etc/letsencrypt/renewal/blog.lab.test.conf"
    )
    return site


def _works(site: LabSite) -> None:
    """Their blog, their database."""
    answer = site.outside.request("GET", "http", "/", {"Host": "blog.lab.test"})
    assert answer.body == b"their blog\n"
    assert site.host.ssh("su postgres -c 'psql -tAc \"SELECT 6 * 7\"'").strip() == "42"


@pytest.mark.long
def test_neighbours_live_on(neighbour: LabSite) -> None:
    site = neighbour
    before = site.host.ssh(THEIRS)
    site.converge()
    assert site.deploy("-y", "--json").changed == []
    _works(site)
    assert site.host.ssh(THEIRS) == before
    assert site.answers()
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout

    site.host.ssh("systemctl restart nftables")  # Debian's begins with "flush ruleset"
    ours = "nft list table inet one_api_infra || true"  # loaded by a job of its own
    process.wait_until(lambda: "policy drop" in site.host.ssh(ours), 10, "our table")
    assert not site.outside.is_open(site.site.one_api_port)

    removed = site.deploy("-y", name="remove")
    assert removed.code == 0, removed.stderr
    left = sorted(site.host.ssh(OWN).split())
    assert [path for path in left if Path(path).suffix not in {".db-wal", ".db-shm"}] == KEPT
    _works(site)
    assert site.host.ssh(THEIRS) == before

    site.converge()  # the data is found again
    assert site.answers()


def test_removal_gives_the_package_its_configuration_back(site: LabSite) -> None:
    theirs = "/opt/one-api/docker-compose.yml"
    site.host.ssh(f"touch {theirs}")
    assert site.deploy("-y", name="remove").code == 0
    data = "test -s /var/lib/one-api/one-api.db && ls -A /opt/one-api"
    assert site.host.ssh(data) == "docker-compose.yml\n"
    for _again in range(2):  # what was kept, and then nothing
        done = site.deploy("-y", "--data", "_remove_data=delete", name="remove")
        assert done.code == 0, done.stderr
        site.host.ssh(f"rm -f {theirs}; rmdir --ignore-fail-on-non-empty /opt/one-api || true")
        assert site.host.ssh(f"{OWN} || true") == ""
    assert site.host.ssh("dpkg --verify nginx-common | grep -v /usr/share/doc || true") == ""
    assert site.host.ssh("getent passwd one-api || echo none").strip() == "none"
    assert site.host.ssh("readlink /etc/nginx/sites-enabled/default").strip()
    assert site.host.ssh("nft list tables") == ""
    assert site.host.ssh("systemctl --failed --no-legend") == ""


def test_a_listener_that_would_be_cut_off_stops_the_run(blank: Callable[[str], LabSite]) -> None:
    site = blank("debian-13")
    listen = "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 5);"
    site.host.ssh(f"systemd-run --quiet perl -e '{listen} sleep 600'; sleep 0.5")
    stopped = site.deploy("-y")
    assert stopped.code != 0
    said = " ".join(stopped.stderr.split())
    assert "perl listens on port 8080, which the firewall would close" in said
    assert 'add 8080 to "open_ports"' in said


def test_a_foreign_site_of_the_same_name_stops_the_run(site: LabSite) -> None:
    foreign = THEIR_SITE.replace("blog.lab.test", site.domain)
    site.host.ssh("cat >/etc/nginx/conf.d/theirs.conf", stdin=foreign)
    stopped = site.deploy("-y")
    assert stopped.code != 0
    assert "/etc/nginx/conf.d/theirs.conf has the name" in " ".join(stopped.stderr.split())
