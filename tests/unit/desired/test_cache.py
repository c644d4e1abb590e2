"""What is kept from run to run is made once, and again where it cannot be kept."""

from pathlib import Path

import pytest

from one_api_infra.desired import cache


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def test_is_made_once_and_takes_the_place_of_what_it_replaces(own: Path) -> None:
    assert cache.kept("agent/1.pyz", lambda: b"first") == b"first"
    assert cache.kept("agent/1.pyz", lambda: b"not asked") == b"first"
    assert cache.kept("agent/2.pyz", lambda: b"second") == b"second"
    assert [path.name for path in (own / "agent").iterdir()] == ["2.pyz"]
    assert (own / "agent").stat().st_mode & 0o777 == 0o700


def test_where_nothing_can_be_written_it_is_made_each_time(own: Path) -> None:
    own.write_text("a file in the folder's place")
    assert cache.folder("agent") is None
    assert cache.kept("agent/1.pyz", lambda: b"made") == b"made"
