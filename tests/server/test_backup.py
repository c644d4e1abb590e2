"""The backup's units on the server, where the inventory sets one."""

import pytest
from testinfra.host import Host

from one_api_infra.desired.site import Site

STARTERS = ("one-api-backup.timer", "one-api-drill.timer", "one-api-journal.path")


@pytest.fixture(scope="module")
def backed(site: Site) -> Site:
    """The site, where there is a backup."""
    if not site.backup:
        pytest.skip("there is no backup")
    return site


@pytest.mark.parametrize("unit", STARTERS)
def test_it_is_started_by_itself(host: Host, backed: Site, unit: str) -> None:
    assert host.service(unit).is_enabled
    assert host.service(unit).is_running


def test_its_keys_are_roots_alone(host: Host, backed: Site) -> None:
    for name in ("backup.json", "backup-ssh-key"):
        file = host.file(f"/etc/one-api-infra/{name}")
        if name == "backup.json" or backed.backup_ssh_key_file:
            assert (file.user, file.mode) == ("root", 0o600)


def test_restic_reads_the_repository(host: Host, backed: Site) -> None:
    folder = next((each.folder for each in backed.repositories if each.folder), "")
    if not folder:
        pytest.skip("no repository is a folder of this server")
    assert host.file(f"{folder}/config").exists
    assert host.file(folder).mode == 0o700
