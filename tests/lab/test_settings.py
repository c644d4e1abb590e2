"""A changed setting is carried out by one run, there and back; no second run finds more to do."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from one_api_infra.desired.settings import SETTINGS
from one_api_infra.lab.lab import Lab
from tests.lab import backups
from tests.lab.conftest import new_site
from tests.lab.sites import LabSite
from tests.lab.test_backup import faults

CHANNEL = "json://127.0.0.1:1/"  # where nobody listens
CHANGES: dict[str, dict[str, Any]] = {
    "one_api_port": {"one_api_port": 3100},
    "one_api_second_port": {"one_api_second_port": 3101},
    "drain_minutes": {"drain_minutes": 5},
    "upgrade_max_failures": {"upgrade_max_failures": 7},
    "upgrade_max_slowdown": {"upgrade_max_slowdown": 9},
    "reboot_time": {"reboot_time": "04:30"},
    "root_password": {"root_password": "abcdefgh12"},
    "environment": {"environment": {"RELAY_TIMEOUT": "600"}},
    "time_zone": {"time_zone": "Europe/Berlin"},
    "key_type": {"key_type": "rsa"},
    "acme_email": {"acme_email": "other@example.com"},
    "acme_profile": {"acme_profile": "shortlived"},
    "certbot": {"certbot": "distribution"},
    "connections_per_address": {"connections_per_address": 100},
    "open_ports": {"open_ports": [8443, "51820/udp"]},
    "log_days": {"log_days": 30},
    "callbacks": {"callbacks": "off"},
    "gateway_networks": {"gateway_networks": ["10.0.0.0/8"]},
    "reconcile": {"reconcile": "report"},
    "trusted_proxies": {"trusted_proxies": ["10.0.0.5"]},
    "alert_urls": {"alert_urls": [CHANNEL]},
    "alert_quiet_minutes": {"alert_urls": [CHANNEL], "alert_quiet_minutes": 5},
    "heartbeat_url": {"heartbeat_url": "http://127.0.0.1:1/"},
    "language": {"language": "en"},
    "waive": {"waive": ["backup.is_set", "system.clock"]},
    "backup": backups.settings(backups.FOLDER),
    "backup_minutes": backups.settings(backups.FOLDER, backup_minutes=15),
    "backup_keep": backups.settings(backups.FOLDER, backup_keep={"daily": 3}),
    "backup_stream": backups.settings(backups.FOLDER, backup_stream=False),
    "backup_prune": backups.settings(backups.FOLDER, backup_prune="admin"),
    "backup_kib_per_second": backups.settings(backups.FOLDER, backup_kib_per_second=900),
    "backup_environment": backups.settings(backups.FOLDER, backup_environment={"A_KEY": "x"}),
    "edition": {"edition": "done-hub"},
}


@pytest.fixture(scope="module")
def changing(lab: Lab, prepared: Callable[[str], Path]) -> Iterator[LabSite]:
    """One site for all changes."""
    site = new_site(lab, "changing", "debian-13", "site13.lab.test", of=prepared("debian-13"))
    site.converge()
    yield site
    site.host.remove()


@pytest.mark.long
@pytest.mark.parametrize("name", CHANGES)
def test_one_run_carries_it_out(changing: LabSite, name: str) -> None:
    assert name in SETTINGS
    before = dict(changing.settings)
    well = faults(changing)
    for settings in (before | CHANGES[name], before):
        changing.settings = dict(settings)
        changing.converge()
        again = changing.deploy("--dry", "--json")
        assert (again.code, again.planned) == (0, []), again.stderr
        found = faults(changing)
        assert set(found) <= set(well) | {"monitor.channel"}, found
