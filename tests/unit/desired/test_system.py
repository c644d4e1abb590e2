"""The system below the site."""

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from one_api_infra.desired import manifest, system, watchdog, zipapp
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import paths
from tests.unit.examples import SETTINGS, site


@pytest.mark.parametrize(
    ("written", "started", "stale"),
    [
        ("1795448250", "@1795448249", True),
        ("1795448249", "@1795448249", False),
        ("1795448249", "", True),  # no journal runs
        ("stat: cannot statx '/etc/x': No such file or directory", "@1795448249", False),
    ],
)
def test_journal_older_than_its_configuration_is_stale(
    written: str, started: str, stale: bool
) -> None:
    units: dict[str, Mapping[str, str]] = {system.JOURNALD: {"ActiveEnterTimestamp": started}}
    snapshot = Snapshot(probes={"journal": (written,)}, units=units)
    assert system.journal_is_stale(snapshot) is stale


def test_bytecode_of_another_agent_or_older_than_its_python_is_not_taken(tmp_path: Path) -> None:
    command = system.concern(site()).spec.probes["bytecode"].replace(paths.AGENT, str(tmp_path))
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/python").symlink_to(tmp_path / "python3.13")
    (tmp_path / "python3.13").touch()
    os.utime(tmp_path / "python3.13", (1e9, 1e9))  # when it was built: it has come just now
    now, named = time.time(), f"one-api-infra.{zipapp.checksum()}.cpython-313.0.pyz"

    def is_compiled(name: str, size: int, age: int) -> bool:
        for path in tmp_path.glob("*.pyz"):
            path.unlink()
        (tmp_path / name).write_bytes(b"x" * size)
        os.utime(tmp_path / name, (now - age, now - age))
        told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        return system.is_compiled(Snapshot(probes={"bytecode": tuple(told.stdout.splitlines())}))

    assert is_compiled(named, 9, -10)
    assert not is_compiled(named, 9, 10)
    assert not is_compiled(named, 0, -10)
    assert not is_compiled("one-api-infra.00000000.cpython-313.0.pyz", 9, -10)


def test_two_who_deploy_from_folders_of_their_own_write_the_same() -> None:
    """Else each would undo the other's, and no plan would be empty."""
    settings = SETTINGS | {"alert_urls": ["mailto://user:pass@example.com"]}
    one, other = (
        Site.parse(settings, f"{folder}/inventory.py") for folder in ("/home/a/ops", "/srv/ci")
    )
    assert system.agent_files(one) == system.agent_files(other)
    assert watchdog.files(one) == watchdog.files(other)
    assert manifest.manifest(one) == manifest.manifest(other)
    assert b"one-api-infra deploy ./inventory.py" in watchdog.files(one)[0].data
