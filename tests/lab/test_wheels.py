"""A server that reaches no index of Python packages gets its wheels from the admin's machine."""

from pathlib import Path

import pytest

from one_api_infra.desired import system
from one_api_infra.shared import paths
from tests.lab.sites import LabSite

NOWHERE = "http://127.0.0.1:9/simple"


@pytest.mark.long
def test_a_server_without_an_index_gets_its_environment(site: LabSite, tmp_path: Path) -> None:
    config = f"printf '[global]\\nindex-url = {NOWHERE}\\n'"
    site.host.ssh(
        f"{config} >/etc/pip.conf; rm -rf /root/.config/pip /root/.pip {paths.AGENT}/venv*"
    )
    site.inventory()
    alone = site.deploy("-y")
    assert alone.code, alone.stdout

    site.inventory(pip_wheels="admin")
    unreachable = {"PIP_INDEX_URL": NOWHERE, "PIP_RETRIES": "0", "XDG_CACHE_HOME": str(tmp_path)}
    refused = site.deploy("-y", **unreachable)
    assert refused.code
    assert "pip_index" in refused.stderr, refused.stderr
    assert not site.host.ssh(f"ls -d {paths.AGENT}/venv/bin || true")

    done = site.deploy("-y", "--json", XDG_CACHE_HOME=str(tmp_path))
    assert done.code == 0, done.stderr
    assert site.host.ssh(f"{paths.AGENT}/venv/bin/certbot --version").startswith("certbot ")
    assert not site.host.ssh(f"ls {system.WHEELS} 2>/dev/null || true")
    assert site.deploy("-y", "--json").changed == []
    assert list(tmp_path.glob("one-api-infra/wheels/*.tar"))
