"""The executable: mirror, lock, sha256."""

import hashlib
from pathlib import Path

import pytest

from one_api_infra.desired import artifact
from one_api_infra.shared.validation import ValidationError
from tests.unit.examples import site

RELEASE = "https://github.com/MartialBE/one-hub/releases/download/v0.14.27/one-api"
CONTENT = b"\x7fELF an executable"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def executable(tmp_path: Path) -> Path:
    path = tmp_path / "one-api"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A download of before, as it lies in the cache."""
    monkeypatch.setattr(artifact, "CACHE", tmp_path / "cache")
    key = hashlib.sha256(RELEASE.encode()).hexdigest()[:16]
    path = tmp_path / "cache" / key / "one-api"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return path


def test_url() -> None:
    assert artifact.url(site(), "amd64") == RELEASE
    assert artifact.url(site(), "arm64") == f"{RELEASE}-arm64"
    mirrored = site(artifact_mirror="https://mirror.site-example.com/")
    assert artifact.url(mirrored, "amd64") == f"https://mirror.site-example.com/{RELEASE}"


def test_path(executable: Path, tmp_path: Path) -> None:
    found = artifact.obtain(site(artifact=str(executable)), "amd64", tmp_path / "lock.json")
    assert found == artifact.Artifact(executable, SHA256)
    assert not (tmp_path / "lock.json").exists()


def test_first_download_is_recorded_and_enforced(cached: Path, tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    assert artifact.obtain(site(), "amd64", lock).sha256 == SHA256
    assert SHA256 in lock.read_text()
    cached.write_bytes(b"another one")
    with pytest.raises(ValidationError, match=SHA256):
        artifact.obtain(site(), "amd64", lock)
    assert not cached.exists()  # the next run downloads it again


def test_page_of_a_mirror_is_no_release(cached: Path, tmp_path: Path) -> None:
    cached.write_bytes(b"<!doctype html>\n<h1>rate limited</h1>")
    with pytest.raises(ValidationError, match="artifact_mirror"):
        artifact.obtain(site(), "amd64", tmp_path / "lock.json")
    assert not cached.exists()
    assert not (tmp_path / "lock.json").exists()


def test_what_may_be_a_password_stands_nowhere() -> None:
    source = "https://user:word@git.site-example.com/one-api?private_token=word"
    shown = artifact.shown(source)
    assert shown.startswith("https://git.site-example.com/one-api#")
    assert "word" not in shown
    assert artifact.shown(f"{source}2") != shown
    assert artifact.shown("/srv/a@b?c") == "/srv/a@b?c"


def test_pinned_sum(executable: Path, tmp_path: Path) -> None:
    pinned = site(artifact=str(executable), artifact_sha256="0" * 64)
    with pytest.raises(ValidationError, match="artifact_sha256"):
        artifact.obtain(pinned, "amd64", tmp_path / "lock.json")


def test_missing_path(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="executable"):
        artifact.obtain(site(artifact="/no/such/file"), "amd64", tmp_path / "lock.json")
