"""A full disk: no yes to a gateway without a record, and somebody is told."""

import time
from collections.abc import Iterator

import pytest

from one_api_infra.lab import epay, process
from one_api_infra.lab.gateway import Gateway
from one_api_infra.shared import paths
from tests.lab import ledgers, payments
from tests.lab.channel import Channel, runs, watched
from tests.lab.sites import LabSite

# Everything of the site's under /var, on a file system of its own that is soon full.
SMALL = """set -e
systemctl stop nginx one-api one-api-disk one-api-logrotate.timer one-api-callbacks.timer
mkdir /small; mount -t tmpfs -o size=500m tmpfs /small
for d in lib/one-api lib/one-api-callbacks lib/one-api-monitor log/one-api-infra log/one-api; do
    mkdir -p /small/$d; cp -a /var/$d/. /small/$d/; chown --reference=/var/$d /small/$d
    chmod --reference=/var/$d /small/$d; mount --bind /small/$d /var/$d
done
systemctl start one-api-disk one-api nginx
"""
FILL = (
    "dd if=/dev/zero of=/small/fill bs=64k 2>/dev/null; dd if=/dev/zero of=/small/fill2 bs=1 2>&1"
)
FREE = "rm -f /small/fill*"
MARK = f"test -e {paths.DISK_FULL} && echo full || true"


@pytest.fixture
def channel(site: LabSite) -> Iterator[Channel]:
    made = Channel(site.lab.network.service("gateway"), 8091)
    yield made
    made.stop()


def marked(site: LabSite, *, full: bool) -> None:
    """Wait until nginx is told."""
    until = time.monotonic() + 15
    while (site.host.ssh(MARK).strip() == "full") != full:
        assert time.monotonic() < until
        time.sleep(0.5)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_full_disk(site: LabSite, gateway: Gateway, channel: Channel) -> None:
    watched(site, channel)
    payments.add_payment(site, gateway)
    first, second = (payments.create_order(site, gateway) for _each in range(2))
    ledgers.run(site)
    runs(site, 2)
    site.host.ssh(SMALL)
    address = site.lab.network.service("gateway")
    for order in (first, second):
        epay.pay(address, order)

    # Told of, though the monitor's own state cannot be saved; and once.
    site.host.ssh(FILL, check=False)
    marked(site, full=True)
    runs(site, 1)
    assert ["system.disk:" in each["message"] for each in channel.alerts] == [True]
    runs(site, 3)
    assert sum("system.disk:" in each["message"] for each in channel.alerts) == 1

    # The gateway is asked to call again.
    reply = site.notified(gateway, first["notify_url"], first)
    assert reply.status == 503
    assert ledgers.status(site, first["out_trade_no"]) == "pending"

    # It became full between two looks: there is room for the record all the same.
    site.host.ssh(f"systemctl stop one-api-disk; rm -f {paths.DISK_FULL}")
    before = len(ledgers.log(site))
    site.notified(gateway, second["notify_url"], second)
    assert len(ledgers.log(site)) == before + 1

    _is_mended(site, gateway, first, second)
    runs(site, 2)
    assert sum("system.disk）" in each["message"] for each in channel.alerts) == 1


def _is_mended(
    site: LabSite, gateway: Gateway, first: dict[str, str], second: dict[str, str]
) -> None:
    """There is room again: the gateway's next call is taken, and what was recorded is sent."""
    site.host.ssh(f"{FREE}; systemctl start one-api-disk; systemctl restart one-api")
    marked(site, full=False)
    process.wait_until(site.answers, 30, "the site")
    assert site.notified(gateway, first["notify_url"], first).body == b"success"
    ledgers.run(site)
    ledgers.pass_time(site, 60)
    time.sleep(10)  # what was answered just now is left alone for so long
    ledgers.run(site)
    for order in (first, second):
        assert ledgers.status(site, order["out_trade_no"]) == "success"


def test_what_nobody_else_bounds_is_bounded(site: LabSite) -> None:
    """nginx' error log, in which strangers write, and One API's files of before its starts."""
    error, old, new = "/var/log/nginx/error.log", f"{paths.LOGS}/old.log.3.gz", "new.log"
    site.host.ssh(
        f"head -c 70M /dev/zero >>{error}; cd {paths.LOGS} && touch -d '20 days ago' {old}"
        f" && touch {new} && chown one-api: {old} {new}; systemctl start one-api-logrotate"
    )
    assert int(site.host.ssh(f"stat -c %s {error}")) < 2**20
    process.wait_until(
        lambda: site.host.ssh(f"ls {paths.LOGS} | grep -c old.log || true").strip() == "0",
        30,
        "One API's own rotation",
    )
    assert site.host.ssh(f"ls {paths.LOGS}/{new}")
    assert site.host.ssh("systemctl is-failed one-api-logrotate one-api-logs || true").split() == [
        "inactive", "inactive",
    ]  # fmt: skip
