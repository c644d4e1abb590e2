"""The stream: what changes in SQLite is off the server within seconds, and comes back."""

import time
from datetime import datetime

import pytest

from one_api_infra.lab.lab import Lab
from one_api_infra.lab.process import wait_until
from one_api_infra.shared import paths, stream, units
from tests.lab import backups, ledgers
from tests.lab.backups import Elsewhere
from tests.lab.sites import LabSite
from tests.lab.test_backup import faults

STORED = "/srv/backup/one-api-stream"
NAMES = "SELECT username FROM users ORDER BY id"
# The store as a rebuild has it, which is killed while it restores.
KILLED_AT_RESTORE = f"""
systemctl stop {units.STREAM_STORE}
{paths.PYTHON} -c "
import sys, time; sys.path.insert(0, '{paths.ZIPAPP}')
from one_api_infra.server import stream
with stream._served(): time.sleep(600)
" >/dev/null 2>&1 &
until ss -Htln | grep -q ':{stream.PORT} '; do sleep 0.1; done
kill -KILL $!
"""


def add(site: LabSite, name: str) -> None:
    ledgers.write(site, f"INSERT INTO users (username, quota) VALUES ('{name}', 5)")


def drilled(site: LabSite) -> str:
    """What the stream's drill says; empty if it is well."""
    site.host.ssh("rm -f /var/lib/one-api-infra/stream.json")
    site.host.ssh("systemctl start one-api-stream-drill", check=False)
    told = site.host.ssh("cat /var/lib/one-api-infra/stream.json", check=False)
    return "" if '"reason": ""' in told or '"reason":""' in told else told or "no drill"


def is_stored(site: LabSite, name: str) -> bool:
    """Whether Litestream itself, asked by hand, brings a user back."""
    restore = (
        "set -a; . /etc/one-api-infra/stream.env; rm -f /tmp/stored;"
        " /opt/one-api-infra/venv/bin/litestream restore -config /etc/one-api-infra/stream.yml"
        f" -o /tmp/stored /var/lib/one-api/one-api.db >&2 && grep -ca {name} /tmp/stored"
    )
    return site.host.ssh(restore, check=False).strip() not in {"", "0"}


@pytest.mark.long
def test_what_changes_is_stored_encrypted_and_comes_back(
    lab: Lab, site: LabSite, elsewhere: Elsewhere
) -> None:
    elsewhere.keep(site)
    add(site, "streamed-canary")
    wait_until(lambda: not drilled(site), 60, "the stream")
    add(site, "last-second")
    before = site.rows(NAMES)
    wait_until(lambda: is_stored(site, "last-second"), 60, "the last second")
    new = backups.destroyed(lab, site, "rebuilt")
    try:
        done = new.deploy("-y", name="rebuild")
        assert done.code == 0, done.stderr
        said = new.host.ssh("cat /var/lib/one-api-infra/restored.txt")
        assert new.rows(NAMES) == before, said
        assert "The stream brings the database to" in said
        assert not elsewhere.host.ssh(f"grep -rl streamed-canary {STORED} || true")
        wait_until(lambda: not drilled(new), 60, "the stream of the new host")
        again = new.deploy("-y", "--json")
        assert again.changed == []
    finally:
        new.host.remove()


def test_back_to_a_moment_between_two_backups(backed: LabSite) -> None:
    site = backed
    add(site, "wanted")
    wait_until(lambda: is_stored(site, "wanted"), 60, "the stream")
    time.sleep(2)
    moment = datetime.now().astimezone().isoformat(timespec="seconds")
    time.sleep(2)
    ledgers.write(site, "DELETE FROM users WHERE username = 'wanted'")
    time.sleep(3)
    done = site.deploy("-y", "--data", f"_snapshot={moment}", name="restore")
    assert done.code == 0, done.stderr
    assert ["wanted"] in site.rows(NAMES)
    assert site.answers()


def test_its_store_starts_after_a_rebuild_that_was_killed(backed: LabSite) -> None:
    site = backed
    site.host.ssh(KILLED_AT_RESTORE)
    wait_until(lambda: f":{stream.PORT} " not in site.host.ssh("ss -Htln"), 10, "a free port")
    site.host.ssh(f"systemctl start {units.STREAM_STORE}")
    add(site, "after-the-killed")
    wait_until(lambda: is_stored(site, "after-the-killed"), 60, "the stream")


@pytest.mark.long
def test_its_faults_are_named(backed: LabSite) -> None:
    site = backed
    long_ago = "touch -d '1 hour ago' /etc/one-api-infra/stream.yml"
    site.host.ssh(f"systemctl stop one-api-stream; {long_ago}")
    assert "does not run" in faults(site)["backup.is_streaming"]
    site.host.ssh("systemctl start one-api-stream; systemctl stop one-api-stream-store")
    assert "store does not answer" in faults(site)["backup.is_streaming"]
    site.host.ssh("systemctl start one-api-stream-store")
    add(site, "again")
    wait_until(lambda: "backup.is_streaming" not in faults(site), 60, "the stream")
    site.host.ssh(f"find {STORED} -type f -size +0 -exec truncate -s 40 {{}} +")
    assert drilled(site)
    long_ago = """sed -i 's/"since": [0-9.]*/"since": 1.0/' /var/lib/one-api-infra/stream.json"""
    site.host.ssh(long_ago)
    assert "cannot be restored" in faults(site)["backup.is_streaming"]
