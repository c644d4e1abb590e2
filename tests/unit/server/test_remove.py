"""Removing takes what is ours, in an order that leaves nothing open, and nothing of others."""

from pathlib import Path

from one_api_infra.server.remove import own_units, remove_paths
from one_api_infra.shared import units
from one_api_infra.shared.manifest import Entry, Manifest

ENTRY = Entry("f", "root", "root", "644", "")
NAMES = ("one-api.service", units.FIREWALL, "one-api-monitor.timer", "one-api-monitor.service")


def test_timers_stop_first_and_the_firewall_last() -> None:
    entries = {units.path(name): ENTRY for name in NAMES} | {"/etc/one-api/one-api.env": ENTRY}
    entries[f"{units.FOLDER}/nginx.service.d"] = Entry("d", "root", "root", "755", "")
    found = own_units(Manifest(entries, (), (), ()))
    assert found[0] == "one-api-monitor.timer"
    assert found[-1] == units.FIREWALL
    assert set(found) == set(NAMES)


def test_only_ours_goes(tmp_path: Path) -> None:
    ours, shared, kept = tmp_path / "one-api", tmp_path / "shared", tmp_path / "one-api-data"
    for folder in (ours / "below", shared, tmp_path / "empty", kept):
        folder.mkdir(parents=True)
    for file in (ours / "below/file", shared / "ours", shared / "theirs", kept / "file"):
        file.touch()
    elsewhere = tmp_path / "one-api-link"
    elsewhere.symlink_to(shared)
    found = [ours, shared, shared / "ours", tmp_path / "empty", elsewhere, kept, kept / "file"]
    remove_paths([*map(str, found), str(tmp_path / "never-was")], without=(str(kept),))
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"shared", "shared/theirs", "one-api-data", "one-api-data/file"}
