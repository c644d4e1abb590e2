"""Every secret is a canary: found in no output, no argument, no readable file."""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.lab.sites import LabSite

GIVEN = "canary-Given-7731"
BACKUP: dict[str, Any] = {
    "backup": ["/srv/backup"],
    "backup_password": "canary-Backup-8842",
    "backup_environment": {"AWS_SECRET_ACCESS_KEY": "canary-Keys-9953"},
    "waive": [],
}
SAMPLER = "while :; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; sleep 0.01; done"
READABLE = (
    "find / -xdev -type f -perm -o=r -not -path '/proc/*' -size -4M -print0"
    " | xargs -0 grep -lF -f /root/canaries 2>/dev/null || true"
)


@contextmanager
def sampled_arguments(site: LabSite) -> Iterator[None]:
    """Notes the arguments of all processes of the host, a hundred times a second."""
    site.host.ssh(
        "rm -f /root/arguments; systemd-run --quiet --unit=sampler"
        f' sh -c "{SAMPLER} >/root/arguments"'.replace("$", "\\$")
    )
    yield
    site.host.ssh("systemctl stop sampler; chmod 600 /root/arguments")


@pytest.mark.long
def test_no_secret_is_seen(blank: Callable[[str], LabSite]) -> None:
    site = blank("debian-12")
    site.inventory(root_password=GIVEN, **BACKUP)
    outputs = [site.deploy("--dry", "-vv", "--diff", "--json")]
    with sampled_arguments(site):
        outputs.append(site.deploy("-y", "-vv", "--diff", "--json"))
        outputs.append(site.deploy("-y", "-vv", "--diff", "--json"))
        outputs.append(site.deploy("-y", "-vv", "--diff", "--json", name="one_api"))
        site.host.ssh("systemctl start one-api-backup && systemctl start one-api-drill")
        time.sleep(3)  # the stream's first second
        site.host.ssh("systemctl restart one-api-stream-store && sleep 2")
        site.host.ssh("systemctl start one-api-stream-drill")
        outputs.append(site.deploy("-y", "-vv", "--diff", "--json", name="restore"))
    outputs.append(site.deploy("--dry", "-vv", "--diff", "--json"))
    assert [output.code for output in outputs] == [0] * len(outputs)

    canaries = _canaries(site)
    assert len(canaries) >= 8
    assert GIVEN in canaries
    shown = "".join(output.stdout + output.stderr for output in outputs)
    arguments = site.host.ssh("cat /root/arguments")
    assert "one-api-infra.pyz" in arguments  # the sampler has seen the run
    for canary in canaries:
        encoded = base64.b64encode(canary.encode()).decode().rstrip("=")
        for form in (canary, encoded):
            assert form not in shown
            assert form not in arguments
    site.host.ssh("umask 077; cat >/root/canaries", stdin="\n".join(canaries))
    assert site.host.ssh(READABLE) == ""
    # One API's own lines are its own: one-hub logs the query in which it looks for a new token.
    ours = "journalctl --no-pager | grep -v ' one-api\\['"
    assert site.host.ssh(f"{ours} | grep -cF -f /root/canaries || true").strip() == "0"


def _canaries(site: LabSite) -> list[str]:
    """The values of all secrets on the server."""
    lines = site.host.ssh("cd /etc/one-api && cat secrets.env root-password access-token").split()
    given = [BACKUP["backup_password"], *BACKUP["backup_environment"].values()]
    stream = site.host.ssh("cut -d= -f2 /etc/one-api-infra/stream.env").split()
    return [line.split("=", 1)[-1] for line in lines] + given + stream
