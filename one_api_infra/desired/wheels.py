"""The wheels of the agent's virtual environment, fetched once on the admin's machine.

For servers that pip's index is slow or closed to (``pip_wheels: "admin"``). They are checked here
and on the server by the same pinned sums.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from packaging.markers import Marker

from one_api_infra.desired import system, systems
from one_api_infra.desired.artifact import Artifact
from one_api_infra.desired.cache import CACHE
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.desired.systems import System
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem, ValidationError

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
GLIBC = ("2_17", "2_28", "2_34")  # what wheels are made for, up to Debian 12's
REQUIREMENT = re.compile(r"^(?P<name>[^ ;\\]+)(?: ; (?P<marker>[^\\]+))?", re.MULTILINE)
WORDS = 800  # characters of pip's


def of_snapshot(site: Site, snapshot: Snapshot) -> Artifact:
    """Those for the server that a snapshot shows."""
    found = systems.of(snapshot.probes.get("os_release", ())) or systems.OLDEST
    return obtain(site, found, snapshot.probe("architecture"))


def obtain(site: Site, target: System, architecture: str) -> Artifact:
    """A tar of the wheels for a server; ValidationError with pip's words where it fails."""
    wanted = requirements(system.requirements(site).data.decode(), target.python)
    mark = hashlib.sha256(f"{wanted} {target.python} {architecture}".encode()).hexdigest()
    path = CACHE / "wheels" / f"{mark[:16]}.tar"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            _download(wanted, Path(folder), command(site, target.python, architecture))
            with tarfile.open(Path(folder, "made"), "w") as tar:
                for wheel in sorted(Path(folder).glob("*.whl")):
                    tar.add(wheel, wheel.name)
            shutil.move(Path(folder, "made"), path)
    return Artifact(path, hashlib.sha256(path.read_bytes()).hexdigest())


def requirements(text: str, python: str) -> str:
    """The pinned requirements that hold on a Linux server with a Python, without markers.

    pip judges markers by the Python that it runs on, not by the one it is asked for.
    """
    blocks = re.split(r"(?m)^(?=[^ #])", re.sub(r"(?m)^ *#.*\n", "", text))
    return "".join(_without_markers(block) for block in blocks if _holds(block, python))


def command(site: Site, python: str, architecture: str) -> list[str]:
    """pip's command, but for the folder and the requirements."""
    machine = MACHINES[architecture]
    return [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *(
            *system.PIP_SAFE.split(),
            *system.pip_index(site),
            "--implementation",
            "cp",
            "--python-version",
            python,
        ),
        *(f"--platform=manylinux_{each}_{machine}" for each in GLIBC),
        f"--platform=manylinux2014_{machine}",
    ]


def _holds(block: str, python: str) -> bool:
    found = REQUIREMENT.match(block)
    marker = found and found["marker"]
    return bool(found) and (not marker or Marker(marker.strip()).evaluate(_environment(python)))


def _environment(python: str) -> dict[str, str]:
    """A server's, as PEP 508 names it, with the first patch level: that one needs most."""
    return {
        "python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux",
        "platform_system": "Linux", "os_name": "posix", "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }  # fmt: skip


def _without_markers(block: str) -> str:
    return re.sub(r" ; [^\\\n]+", " ", block, count=1)


def _download(wanted: str, folder: Path, command: list[str]) -> None:
    listed = folder / "requirements.txt"
    listed.write_text(wanted)
    words = [*command, "--dest", str(folder), "--requirement", str(listed)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        expected = _("wheels that pip can fetch here: {words}", words=done.stderr.strip()[-WORDS:])
        remedy = _("name a mirror in `pip_index`, or let the server fetch them: leave it out")
        raise ValidationError([Problem("pip_wheels", expected, remedy)])
