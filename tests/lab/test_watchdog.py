"""The dead man's switch: whatever silences the monitor, people are told, once."""

from collections.abc import Callable, Iterator

import pytest

from one_api_infra.desired import watchdog
from one_api_infra.shared import paths
from one_api_infra.shared.texts import translations
from tests.lab.channel import Channel, watched
from tests.lab.sites import LabSite

ASLEEP = "[Service]\nExecStart=\nExecStart=/bin/false\n"
# Each leaves the monitor silent, and what it stands on gone.
WAYS = {
    "stopped": "systemctl stop one-api-monitor.timer",
    "deleted": "rm /etc/systemd/system/one-api-monitor.*; systemctl daemon-reload",
    "a drop-in": "mkdir -p /etc/systemd/system/one-api-monitor.service.d;"
    f" printf '{ASLEEP}' >/etc/systemd/system/one-api-monitor.service.d/x.conf;"
    " systemctl daemon-reload",
    "its user gone": "userdel one-api-monitor",
    "no Python": f"rm {paths.PYTHON}",
    "the agent cut": f"truncate -s 1000 {paths.ZIPAPP}",
    "the site cut": f"truncate -s 100 {paths.SITE}",
    "journald dead": "systemctl mask -q --now --runtime systemd-journald.socket"
    " systemd-journald-dev-log.socket systemd-journald.service;"
    " systemctl stop one-api-monitor.timer",
}


# The older system alone has what differs: its Python and its journald.
OF_SYSTEM = {"debian-12": ("stopped", "no Python", "journald dead"), "debian-13": tuple(WAYS)}


@pytest.fixture
def channels() -> Iterator[list[Channel]]:
    """Where alerts arrive; stopped in the end."""
    made: list[Channel] = []
    yield made
    for each in made:
        each.stop()


def told(site: LabSite, channel: Channel) -> int:
    """How often people were told that the monitor is silent."""
    title = translations("zh_CN").gettext(watchdog.TITLE).format(domain=site.domain)
    return sum(alert["title"] == title for alert in channel.alerts)


def silent_for_long(site: LabSite) -> None:
    """As if the last run had been a while ago; two looks of the watchdog."""
    site.host.ssh("systemctl start one-api-monitor", check=False)
    site.host.ssh(f"touch -d '-16 minutes' {paths.MONITOR_RAN}")
    for _look in range(3):
        site.host.ssh("systemctl start one-api-watchdog")


def awake(site: LabSite) -> None:
    """What the deploy does not own is put back, all else is healed by it."""
    site.host.ssh(
        "rm -rf /etc/systemd/system/one-api-monitor.service.d;"
        " systemctl unmask -q --runtime systemd-journald.socket systemd-journald-dev-log.socket"
        " systemd-journald.service; systemctl daemon-reload;"
        " systemctl start systemd-journald.socket systemd-journald;"
        " systemctl restart one-api; sleep 1"  # what it wrote to was journald's
    )
    site.converge()
    site.host.ssh("systemctl start one-api-monitor; systemctl start one-api-watchdog")


@pytest.mark.long
@pytest.mark.parametrize("system", OF_SYSTEM)
def test_silence_is_told_once(
    clone: Callable[[str], LabSite], channels: list[Channel], system: str
) -> None:
    site = clone(system)
    channel = Channel(site.lab.network.service("gateway"), 8091)
    channels.append(channel)
    watched(site, channel)
    site.host.ssh("systemctl start one-api-monitor; systemctl start one-api-watchdog")
    for number, way in enumerate(OF_SYSTEM[system]):
        assert told(site, channel) == number
        site.host.ssh(WAYS[way])
        silent_for_long(site)
        assert told(site, channel) == number + 1, way
        awake(site)
    assert site.deploy("-y", "--json").changed == []


@pytest.mark.long
def test_removed_with_the_last_channel(site: LabSite) -> None:
    site.inventory(alert_urls=["json://127.0.0.1:1/"])
    site.converge()
    timers = "systemctl list-timers --all; ls /opt/one-api-infra"
    assert "one-api-watchdog.timer" in site.host.ssh(timers)
    site.inventory(alert_urls=[])
    site.converge()
    assert "watchdog" not in site.host.ssh(timers)
    assert site.deploy("-y", "--json").changed == []
