"""What goes wrong with a site while people pay."""

import time
from collections.abc import Callable
from typing import Any

from one_api_infra.lab import process
from one_api_infra.lab.errors import LabError
from one_api_infra.shared import paths
from tests.lab.sites import LabSite

LOCK = (
    "python3 -c \"import sqlite3, time; d = sqlite3.connect('/var/lib/one-api/one-api.db',"
    " isolation_level=None, timeout=20); d.execute('BEGIN EXCLUSIVE'); time.sleep(6)\""
)
# The same program under another name: what stands behind its end changes its sum alone.
UPGRADE = (
    f"set -e; touch -d yesterday {paths.PASSWORD_CONFIRMED}; new=$(mktemp -d);"
    f" cp {paths.CURRENT}/one-api $new/; echo >>$new/one-api; chmod -R a+rX $new;"
    " release=$(sha256sum $new/one-api | cut -c 1-16);"
    f" rm -rf {paths.ONE_API}/releases/$release; mv $new {paths.ONE_API}/releases/$release;"
    f" {paths.agent('activate $release')}"
)


def of(site: LabSite, tables: tuple[str, str]) -> dict[str, Callable[[], Any]]:
    """What goes wrong with a site, by name; ``tables`` are those that a credit writes."""
    host, store = site.host, site.store
    stored: dict[str, Callable[[], Any]] = {
        "database locked": lambda: host.ssh(LOCK, check=False),
    }
    if store:
        restart = f"systemctl restart '{store.unit}'"
        stored = {
            "database locked": lambda: store.hold(*tables),
            "database restarted": lambda: host.ssh(restart, check=False),
        }
    return stored | {
        "One API killed": lambda: host.ssh("systemctl kill --signal=KILL one-api", check=False),
        "One API restarted": lambda: host.ssh("systemctl restart one-api", check=False),
        "One API away for 20 s": lambda: host.ssh(
            "systemctl stop one-api; sleep 20; systemctl start one-api", check=False
        ),
        "One API upgraded": lambda: host.ssh(UPGRADE, check=False),
        "One API rolled back": lambda: host.ssh(paths.agent("rollback"), check=False),
        "nginx reloaded": lambda: host.ssh("systemctl reload nginx", check=False),
        "host rebooted": lambda: reboot(site),
        "certificate renewed": lambda: host.ssh("systemctl start one-api-certificate", check=False),
        "network cut": lambda: _cut(site),
        "agent killed": lambda: host.ssh(
            "systemctl kill --signal=KILL one-api-callbacks.service", check=False
        ),
    }


def _cut(site: LabSite) -> None:
    for state, seconds in (("down", 20), ("up", 2)):
        process.run("ip", "link", "set", "dev", site.host.interface, state)
        time.sleep(seconds)


def reboot(site: LabSite) -> None:
    """Reboot the host, or, beside other labs, stop and boot it."""
    try:
        site.reboot()
    except LabError:
        # systemd-nspawn gives up if the kernel still holds the interface of before.
        site.host.stop()
        site.host.boot()
