"""The agent's file: the same bytes each time, and it runs without the rest of the package."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

from one_api_infra import bundle


def test_same_bytes_each_time() -> None:
    first = bundle.build()
    bundle.build.cache_clear()
    assert bundle.build() == first


def test_has_no_lab_and_no_pyinfra() -> None:
    names = zipfile.ZipFile(io.BytesIO(bundle.build())).namelist()
    assert not [name for name in names if "/lab/" in name or "/pyinfra/" in name]
    assert "one_api_infra/locale/zh_CN/LC_MESSAGES/one_api_infra.mo" in names


def test_runs_alone(tmp_path: Path) -> None:
    path = tmp_path / "agent.pyz"
    path.write_bytes(bundle.build())
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path[:0] = ['{path}']; sys.modules.pop("
         "'one_api_infra', None); import one_api_infra.server.main as m; print(m.__file__)"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert str(path) in done.stdout
