"""Which copies of the database are kept from before an upgrade."""

from pathlib import Path

import pytest

from one_api_infra.server import upgrade
from one_api_infra.shared import paths


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is kept of two upgrades, and of a toolkit that kept one without a name."""
    monkeypatch.setattr(paths, "BEFORE_UPGRADE", str(tmp_path))
    for name in ("v1-v2", "v2-v3"):
        (tmp_path / name).mkdir()
    (tmp_path / "database").touch()
    return tmp_path


def test_a_copy_is_named_by_both_releases(folder: Path) -> None:
    assert upgrade.kept("v1", "v2") == folder / "v1-v2"


def test_what_no_way_back_leads_to_is_forgotten(folder: Path) -> None:
    upgrade.forget_copies({folder / "v2-v3", folder / "v3-v4"})
    assert [path.name for path in folder.iterdir()] == ["v2-v3"]
