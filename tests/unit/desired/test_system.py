"""The system below the site."""

from collections.abc import Mapping

import pytest

from one_api_infra.desired import system
from one_api_infra.desired.snapshot import Snapshot


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
