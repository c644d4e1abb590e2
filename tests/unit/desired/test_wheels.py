"""The wheels that a server needs, named on another machine."""

import hashlib
import subprocess
import tarfile
from pathlib import Path

import pytest

from one_api_infra.desired import system, systems, wheels
from one_api_infra.shared import paths
from tests.unit.examples import site

TEXT = """# a comment
a==1 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via b
b==2 ; python_full_version < '3.11.3' \\
    --hash=sha256:bb
c==3 ; sys_platform == 'win32' \\
    --hash=sha256:cc
d==4 ; python_version >= '3.13' \\
    --hash=sha256:dd
"""


@pytest.mark.parametrize(("python", "names"), [("3.11", "ab"), ("3.12", "a"), ("3.13", "ad")])
def test_markers_are_those_of_the_server(python: str, names: str) -> None:
    found = wheels.requirements(TEXT, python)
    assert [line[0] for line in found.splitlines() if line[0] != " "] == list(names)
    assert ";" not in found
    assert found.count("--hash") == {"3.11": 3, "3.12": 2, "3.13": 3}[python]


@pytest.mark.parametrize("each", systems.SYSTEMS.values(), ids=lambda each: each.name)
def test_each_system_is_asked_for_by_its_own_python(each: systems.System) -> None:
    made = wheels.command(site(pip_index="https://pypi.example.com/simple"), each.python, "arm64")
    assert made[made.index("--python-version") + 1] == each.python
    assert made[made.index("--index-url") + 1] == "https://pypi.example.com/simple"
    assert all("aarch64" in word for word in made if word.startswith("--platform"))
    assert {*system.PIP_SAFE.split()} <= {*made}
    text = system.requirements(site()).data.decode()
    assert "certbot==" in wheels.requirements(text, each.python)
    assert "pywin32" not in wheels.requirements(text, each.python)


def test_server_asks_no_index_when_the_admin_brings_them() -> None:
    theirs, ours = system.venv_script(site()), system.venv_script(site(pip_wheels="admin"))
    assert "--no-index" in ours
    assert "--no-index" not in theirs
    assert system.WHEELS in ours


def test_they_are_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = site(pip_wheels="admin")
    python = systems.OLDEST.python
    text = wheels.requirements(system.requirements(made).data.decode(), python)
    mark = hashlib.sha256(f"{text} {python} amd64".encode()).hexdigest()[:16]
    kept = tmp_path / "wheels" / f"{mark}.tar"
    kept.parent.mkdir()
    kept.write_bytes(b"kept")
    monkeypatch.setattr(wheels, "CACHE", tmp_path)
    found = wheels.obtain(made, systems.OLDEST, "amd64")
    assert (found.path, found.sha256) == (kept, hashlib.sha256(b"kept").hexdigest())


def test_wheels_that_were_of_no_use_are_not_left_behind(tmp_path: Path) -> None:
    script = system.venv_script(site(pip_wheels="admin")).replace(paths.AGENT, str(tmp_path))
    wheels_of_before = tmp_path / "wheels.tar"
    with tarfile.open(wheels_of_before, "w"):
        pass
    done = subprocess.run(
        ["bash", "-c", script.replace(system.PIP, "/nonexistent")], capture_output=True, check=False
    )
    assert done.returncode != 0
    assert [path.name for path in tmp_path.iterdir()] == ["venv.lock"]
