"""What stands on a server is compared with what the deploy has left there."""

import getpass
import grp
import os
from pathlib import Path

import pytest

from one_api_infra.desired.resources import File
from one_api_infra.server import files
from one_api_infra.shared.manifest import Entry, deviation

GROUP = grp.getgrgid(os.getgid()).gr_name
WELL = {"LoadState": "loaded", "UnitFileState": "enabled", "ActiveState": "active"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    path.chmod(0o640)
    return path


def wanted(mode: str = "640", content: bytes = b"content") -> Entry:
    return Entry("f", getpass.getuser(), GROUP, mode, File("", content).sha256)


def test_what_is_as_left_is_no_deviation(path: Path) -> None:
    assert deviation(str(path), wanted(), files.entry(path)) is None


@pytest.mark.parametrize("change", ["gone", "cut", "edited", "opened", "folder", "link"])
def test_each_change_is_one(path: Path, change: str) -> None:
    match change:
        case "gone":
            path.unlink()
        case "cut":
            path.write_bytes(b"")
        case "edited":
            path.write_bytes(b"contenu")
        case "opened":
            path.chmod(0o644)
        case "folder":
            path.unlink()
            path.mkdir(mode=0o640)
        case "link":
            path.rename(path.with_name("other"))
            path.symlink_to(path.with_name("other"))
    assert deviation(str(path), wanted(), files.entry(path)) is not None


@pytest.mark.parametrize(
    ("found", "idle"),
    [
        ({}, ""),
        ({"UnitFileState": "static", "ActiveState": "activating"}, ""),
        ({"LoadState": "masked"}, "masked"),
        ({"LoadState": "not-found"}, "gone"),
        ({"LoadState": "bad-setting"}, "gone"),
        ({"UnitFileState": "disabled"}, "disabled"),
        ({"ActiveState": "failed"}, "stopped"),
        ({"ActiveState": "inactive"}, "stopped"),
    ],
)
def test_idle_units(found: dict[str, str], idle: str) -> None:
    assert files.idleness(WELL | found) == idle
