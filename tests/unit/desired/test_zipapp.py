"""The agent's file: the same bytes each time, and it runs without the rest of the package."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

from one_api_infra.desired import zipapp
from one_api_infra.server.main import COMMANDS


def test_same_bytes_each_time() -> None:
    first = zipapp.build()
    zipapp.build.cache_clear()
    assert zipapp.build() == first


def test_has_no_lab_and_no_pyinfra() -> None:
    names = zipfile.ZipFile(io.BytesIO(zipapp.build())).namelist()
    assert not [name for name in names if "/lab/" in name or "/remote/" in name]
    assert "one_api_infra/shared/locale/zh_CN/LC_MESSAGES/one_api_infra.mo" in names


def test_each_command_finds_what_it_needs(tmp_path: Path) -> None:
    """Imported from the file alone, with the libraries of the server's virtual environment."""
    path = tmp_path / "agent.pyz"
    path.write_bytes(zipapp.build())
    modules = sorted({f"one_api_infra.server.{name.split('.')[0]}" for name in COMMANDS.values()})
    libraries = [each for each in sys.path if each != str(zipapp.PACKAGE.parent)]
    program = (
        f"import importlib, sys; sys.path = {[str(path), *libraries]!r};"
        f"found = [importlib.import_module(name) for name in {modules!r}];"
        "print(*(each.__file__ for each in found), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-S", "-c", program],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(str(path) in line for line in done.stdout.splitlines())


def test_runs_alone(tmp_path: Path) -> None:
    path = tmp_path / "agent.pyz"
    path.write_bytes(zipapp.build())
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path[:0] = ['{path}']; sys.modules.pop("
         "'one_api_infra', None); import one_api_infra.server.main as m; print(m.__file__)"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert str(path) in done.stdout
