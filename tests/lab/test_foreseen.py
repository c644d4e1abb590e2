"""What the verification asks a server is foreseen: it asks once, so that far away is as near."""

import json
import os
from pathlib import Path

import pytest

from tests.lab.sites import LabSite
from tests.server import foreseen

UPDATE = "ONE_API_TEST_FORESEE=1 pytest tests/lab/test_foreseen.py"


def _asked(site: LabSite, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a verification asked one by one."""
    path = folder / "asked.json"
    monkeypatch.setenv("ONE_API_INFRA_ASKED", str(path))
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout
    return list(json.loads(path.read_text())[site.host.name])


def test_little_is_asked_one_by_one(
    site: LabSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.host.ssh("systemctl start one-api-callbacks one-api-monitor")
    if "ONE_API_TEST_FORESEE" in os.environ:
        foreseen.QUESTIONS.unlink(missing_ok=True)
        runs = [_asked(site, tmp_path, monkeypatch) for _run in range(2)]
        foreseen.foresee(site.site, *runs)
    left = _asked(site, tmp_path, monkeypatch)
    assert len(left) <= 1, f"{left}: `{UPDATE}` foresees them"
