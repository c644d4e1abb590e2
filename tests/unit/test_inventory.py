"""Inventories load, and an empty one is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from one_api_infra import inventory
from one_api_infra.problems import InvalidError
from one_api_infra.settings import SETTINGS
from one_api_infra.site import Site

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "inventory").glob("*.example.py"))
ENVIRONMENT = {"ONE_API_INFRA_ROOT_PASSWORD": "abcdefgh12", "ONE_API_INFRA_DATABASE_URL": "x:y"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_loads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    hosts = inventory.read(path)
    assert hosts
    for _name, data in hosts:
        domain = data["domain"].replace("example.com", "site-example.com")
        assert Site.parse(data | {"domain": domain, "callback_domain": None})


def test_production_example_names_every_setting() -> None:
    text = (ROOT / "inventory/production.example.py").read_text()
    missing = [name for name in SETTINGS if f'"{name}"' not in text and name != "lab"]
    assert missing == []


def test_unknown_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(inventory.VARIABLE, "prodution")
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "production.py").write_text("hosts = []\n")
    with pytest.raises(InvalidError, match=f"{inventory.VARIABLE}=production"):
        inventory.load(str(tmp_path / "inventory.py"))


def test_environment_without_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(inventory.VARIABLE, "production")
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/production.py").write_text("hosts = []\n")
    with pytest.raises(InvalidError, match="at least one host"):
        inventory.load(str(tmp_path / "inventory.py"))


def test_pyinfra_refuses_a_lab_without_hosts(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pyinfra", str(ROOT / "inventory.py"), "deploys/site.py", "-y"],
        cwd=ROOT,
        env={"ONE_API_LAB": "nosuch", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "one-api-infra lab up" in done.stderr
