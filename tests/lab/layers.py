"""A host's packages and virtual environment, made once on this machine: the slow half of a site.

Who tests how these come begins with a blank host; whose subject is what comes after, with this.
"""

import hashlib
import shutil
from pathlib import Path

from one_api_infra.desired import changes, installation, system
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.lab import process
from one_api_infra.lab.inventory import STATE
from one_api_infra.lab.lab import Lab
from one_api_infra.shared import paths, units
from tests.lab import backups

LAYERS = STATE / "layers"
COMPILES = f"systemctl list-units --no-legend {units.BYTECODE}"  # in the background


def with_packages(lab: Lab, system_name: str) -> Path:
    """The layer of a host on which all of that is installed, and no site."""
    settings = lab.settings() | {"domain": "layer.lab.test"}
    # A site without a stream leaves Litestream where it is; one with a stream needs it.
    script = _script(Site.parse(settings), Site.parse(settings | backups.settings(backups.FOLDER)))
    image = lab.image(system_name)
    made = image.stat()  # overlays over it leave it as it is
    key = hashlib.sha256(f"{script} {made.st_ino} {made.st_mtime_ns}".encode())
    layer = LAYERS / f"{system_name}-{key.hexdigest()[:16]}"
    LAYERS.mkdir(exist_ok=True)
    with process.alone(LAYERS / f"{system_name}.lock"):
        if not layer.exists():
            _remove_old(system_name)
            _make(lab, system_name, script, layer)
    return layer


def _script(site: Site, streamed: Site) -> str:
    """What a first run installs, with what it is told to install."""
    names = installation.packages(site, Snapshot())
    wanted = system.requirements(streamed).data.decode()
    return (
        f"set -e; mkdir -p {paths.AGENT}; cat >{paths.REQUIREMENTS} <<'END'\n{wanted}END\n"
        f"( {changes.update()} ); {changes.install(names)} >/dev/null 2>&1\n"
        f"( {system.venv_script(streamed)} )"
    )


def _make(lab: Lab, system_name: str, script: str, layer: Path) -> None:
    host = lab.create(f"packs{system_name[-2:]}", system_name)
    unfinished = layer.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        host.ssh("bash -s", stdin=script)
        process.wait_until(lambda: not host.ssh(COMPILES), 60, "the bytecode to be there")
        host.ssh("sync")
        host.stop()
        host.save(unfinished)
        unfinished.rename(layer)
    finally:  # one that failed would be in the way of the next try
        host.remove()


def _remove_old(system_name: str) -> None:
    """Of other requirements or another image, unless a host stands on it."""
    mounts = Path("/proc/mounts").read_text()
    for old in LAYERS.glob(f"{system_name}-*"):
        if str(old) not in mounts:
            shutil.rmtree(old)
