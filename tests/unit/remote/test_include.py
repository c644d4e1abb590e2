"""Hosts that read their deploys side by side each look beside their own file."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
HOSTS = 3
DEPLOY = """
import gevent
from pyinfra import host, local
from one_api_infra.remote import include
include.keep_apart()
for _round in range(3):  # the last of the hosts has long come to its end when the first goes on
    gevent.sleep(0.1 * host.data.number)
    local.include("./more.py")
"""
MORE = """
import gevent
from pyinfra import host
gevent.sleep(0.05 * host.data.number)
print("read by", host.data.number)
"""


def test_what_is_included_is_found_however_long_others_have_waited(tmp_path: Path) -> None:
    folder = tmp_path / "deploys"
    folder.mkdir()
    (folder / "main.py").write_text(DEPLOY)
    (folder / "more.py").write_text(MORE)
    hosts = [(f"@fake/{number}", {"number": number}) for number in range(HOSTS)]
    (tmp_path / "inventory.py").write_text(f"hosts = {hosts!r}\n")
    command = [sys.executable, "-m", "pyinfra", "inventory.py", "deploys/main.py", "-y"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert [done.stdout.count(f"read by {number}") for number in range(HOSTS)] == [3] * HOSTS
