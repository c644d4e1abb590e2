"""The monitor: one alert for a fault, one for its end, and nothing for a healthy site."""

import time
from collections.abc import Iterator

import pytest

from one_api_infra.checks import catalogue
from one_api_infra.checks.verdict import State
from one_api_infra.remote import status
from one_api_infra.shared import outbox, paths
from tests.lab.channel import RUN, Channel, runs, watched
from tests.lab.sites import LabSite

# One packet of a hundred is lost on the way, in and out: a sender does not learn of it. (nftables'
# drop in the output hook would be an error of the program that sends.)
LOSS = """nft -f - <<'EOF'
table netdev loss {
    chain ingress {
        type filter hook ingress device host0 priority 0
        numgen random mod 100 == 0 drop
    }
    chain egress {
        type filter hook egress device host0 priority 0
        numgen random mod 100 == 0 drop
    }
}
EOF
"""
LIMIT = 60 * 1024  # KiB of memory for each step
CHILD = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
    " print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


@pytest.fixture
def channel(site: LabSite) -> Iterator[Channel]:
    """Two channels' worth of one, and the site that knows it; its timer rests."""
    made = Channel(site.lab.network.service("gateway"), 8090)
    yield made
    made.stop()


@pytest.mark.long
@pytest.mark.long
@pytest.mark.parametrize(
    ("language", "remedy", "healed"),
    [
        ("en", "Remedy, on the server: `systemctl start one-api`", "Healed"),
        ("zh_CN", "处理办法", "已恢复"),
    ],
)
def test_one_alert_and_one_all_clear(
    site: LabSite, channel: Channel, language: str, remedy: str, healed: str
) -> None:
    watched(site, channel, language=language)
    runs(site, 2)
    assert channel.alerts == []
    site.host.ssh("systemctl stop one-api")
    runs(site, 4)
    (alert,) = channel.alerts
    assert "one_api.runs" in alert["message"]
    assert remedy in alert["message"]
    site.host.ssh("systemctl start one-api; sleep 1")
    runs(site, 4)
    assert len(channel.alerts) == 2
    assert healed in channel.alerts[1]["message"]
    assert channel.heartbeats == 10
    assert site.deploy("-y", "--json").changed == []


@pytest.mark.long
def test_channel_that_fails_is_noticed_and_caught_up_with(site: LabSite, channel: Channel) -> None:
    watched(site, channel)
    channel.stop()
    site.host.ssh("systemctl stop one-api")
    runs(site, 2)
    seen = {each.id: each for each in catalogue.judge(status.observe("x", site.settings))}
    assert seen["monitor.channel"].state is State.FAILED
    assert channel.url not in site.host.ssh("journalctl -u one-api-monitor -o cat")
    assert "one_api_monitor_undelivered 1.0" in site.host.ssh(f"cat {paths.METRICS}")
    channel.start()
    time.sleep(outbox.FIRST)
    runs(site, 2)
    assert [alert["title"].startswith(site.domain) for alert in channel.alerts] == [True]
    assert "one_api_monitor_undelivered 0.0" in site.host.ssh(f"cat {paths.METRICS}")


def test_rights_and_memory(site: LabSite) -> None:
    site.host.ssh(RUN)
    for unit in ("one-api-monitor", "one-api-observe", "one-api-look"):
        words = site.host.ssh(
            f"systemd-analyze security --no-pager {unit}.service | tail -n 1"
        ).split()
        assert float(next(word for word in words if word.replace(".", "").isdigit())) <= 2.5
    refused = (
        "/var/lib/one-api/one-api.db",
        "/etc/one-api/access-token",
        "/etc/one-api-infra/letsencrypt/live",
        "/var/log/one-api-infra/callbacks.log",
    )
    as_user = "setpriv --reuid=one-api-monitor --regid=one-api-monitor --clear-groups"
    for path in refused:
        assert "denied" in site.host.ssh(f"{as_user} head -c 1 {path} 2>&1; true")
    for step in ("monitor-look", "monitor-judge"):
        command = (
            f"systemd-run --quiet --pipe --wait --uid=one-api-monitor --gid=one-api-monitor"
            f" -p RuntimeDirectory=one-api-monitor -p RuntimeDirectoryPreserve=yes"
            f" -p StateDirectory=one-api-monitor python3 -c '{CHILD}' {paths.agent(step)}"
        )
        assert int(site.host.ssh(command).split()[-1]) < LIMIT


@pytest.mark.long
def test_healthy_site_alarms_nobody(site: LabSite, channel: Channel) -> None:
    """Packet loss, reloads, a renewal, a deploy, a restart and a reboot: no alert."""
    watched(site, channel)
    site.host.ssh(RUN)
    site.host.ssh(LOSS)
    for disturbance in (
        "systemctl reload nginx",
        "systemctl start one-api-certificate",
        "systemctl restart one-api; sleep 1",
        "logrotate --force /etc/one-api-infra/logrotate.conf",
    ):
        site.host.ssh(disturbance)
        runs(site, 3)
    site.converge()
    runs(site, 2)
    site.reboot()
    runs(site, 3)
    assert channel.alerts == []
    assert channel.heartbeats >= 15
