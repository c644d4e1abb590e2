"""TLS by Mozilla's intermediate guideline, and nginx' configuration by gixy."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import SYSTEMS
from tests.lab.sites import LabSite

# nginx_cves goes by the version number alone, and Debian mends without changing it.
# proxy_pass_normalized: to read "//api" as "/api" is what the callback location is for.
SKIPPED = "nginx_cves,proxy_pass_normalized"


@pytest.mark.parametrize("system", SYSTEMS)
def test_mozilla_intermediate(clone: Any, system: str, tmp_path: Path) -> None:
    site: LabSite = clone(system)
    report = tmp_path / "sslyze.json"
    target = f"{site.domain}:443{{{site.host.address}}}"
    done = subprocess.run(
        [sys.executable, "-m", "sslyze", "--mozilla_config=intermediate",
         f"--json_out={report}", f"--certinfo_ca_file={site.lab.ca.issuer}", target],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    scanned = json.loads(report.read_text())["server_scan_results"]
    assert scanned[0]["scan_status"] == "COMPLETED"


@pytest.mark.parametrize("system", SYSTEMS)
def test_gixy_finds_nothing(clone: Any, system: str, tmp_path: Path) -> None:
    site: LabSite = clone(system)
    dump = tmp_path / "nginx.conf"
    dump.write_text(site.host.ssh("nginx -T 2>/dev/null"))
    gixy = str(Path(sys.executable).with_name("gixy"))
    done = subprocess.run(
        [gixy, "--skips", SKIPPED, "-f", "json", str(dump)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout or "[]") == [], done.stdout + done.stderr
