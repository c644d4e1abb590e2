"""Inventories load, and an empty one is refused."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from one_api_infra.desired.settings import SETTINGS
from one_api_infra.desired.site import Site
from one_api_infra.remote import inventory
from one_api_infra.shared.validation import ValidationError

ROOT = Path(__file__).parents[3]
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
        own = {"domain": domain, "callback_domain": None, "acme_email": f"admin@{domain}"}
        assert Site.parse(data | own)


def test_production_example_names_every_setting() -> None:
    text = (ROOT / "inventory/production.example.py").read_text()
    missing = [name for name in SETTINGS if f'"{name}"' not in text and name != "lab"]
    assert missing == []


def test_unknown_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(inventory.VARIABLE, "prodution")
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "production.py").write_text("hosts = []\n")
    with pytest.raises(ValidationError, match=f"{inventory.VARIABLE}=production"):
        inventory.chosen(str(tmp_path / "inventory.py"))


def test_environment_without_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(inventory.VARIABLE, "production")
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/production.py").write_text("hosts = []\n")
    with pytest.raises(ValidationError, match="at least one host"):
        inventory.chosen(str(tmp_path / "inventory.py"))


GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)


@given(found=GARBAGE | st.lists(st.tuples(st.text(), st.dictionaries(st.text(), GARBAGE))))
@example("198.51.100.10")
@example([None])
@example([("a", {}, {})])
@example([("a", {"domain": []}), ("b", {"domain": {}})])
def test_whatever_stands_there_is_hosts_or_refused(found: Any) -> None:
    try:
        hosts = inventory.parse(found)
    except ValidationError as error:
        assert all(each.remedy for each in error.problems)
        return
    assert len({name for name, _data in hosts}) == len(hosts) == len(found)


REFUSED = {
    'hosts = "198.51.100.10"': "square brackets",
    "hosts = [None]": r"hosts\[0\]",
    'hosts = [("a", {}, {})]': r"hosts\[0\]",
    'hosts = ["a", "a"]': "a: a host of that name once",
    'hosts = [("a", {"domain": "x.y"}), ("b", {"domain": "X.y"})]': r"b\.domain: .*a has it too",
    'hosts = [("a", {"domain": "支付.cn"}), ("b", {"domain": "xn--bnq875c.cn"})]': "a has it too",
    'hosts = [("a", {"domain": "x.y"}), ("b", {"callback_domain": "x.y"})]': r"b\.callback_domain",
    'import os\nhosts = [os.environ["NOT_SET"]]': "NOT_SET",
    "hosts = [": "SyntaxError",
    "1 / 0": "ZeroDivisionError",
}


@pytest.mark.parametrize(("text", "words"), REFUSED.items())
def test_refused_file(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "inventory.py"
    path.write_text(text)
    with pytest.raises(ValidationError, match=words):
        inventory.read(path)


def test_refused_folder(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="folder"):
        inventory.read(tmp_path)


def test_settings_are_judged_before_anybody_connects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(inventory.VARIABLE, "production")
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/production.py").write_text('hosts = [("a", {"domian": "x"})]')
    with pytest.raises(ValidationError, match=r'a: domian: (?s:.*)write "domain"'):
        inventory.chosen(str(tmp_path / "inventory.py"))


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


def test_a_file_that_asks_for_a_password_asks_once(tmp_path: Path) -> None:
    path, asked = tmp_path / "site.py", tmp_path / "asked"
    path.write_text(f'open({str(asked)!r}, "a").write("?")\nhosts = ["192.0.2.1"]\n')
    for _again in range(3):
        assert inventory.read(path) == [("192.0.2.1", {})]
    assert asked.read_text() == "?"
