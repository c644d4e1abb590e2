"""What a site consists of, for those who install it by other means: files, users, packages.

The content is this project's own, taken from its rendering and from a server that it has built, so
that every contender comes to the same end state.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from one_api_infra.desired import artifact, callbacks, firewall, monitor, nginx, one_api, system
from one_api_infra.desired import certificate as certificate_files
from one_api_infra.desired.resources import Directory, File
from one_api_infra.desired.site import Site
from one_api_infra.lab.host import Host
from one_api_infra.shared import paths, units, upgrade

USERS = {one_api.USER: paths.DATA, monitor.USER: paths.MONITOR, callbacks.USER: paths.CALLBACKS}
# One API first; what the firewall lets through, and the timers, last.
UNITS = (units.FIREWALL, "one-api-certificate.timer", units.MONITOR_TIMER, units.CALLBACKS_TIMER)
LOCK = Path(__file__).parents[1] / "inventory" / "artifacts.lock.json"


def files(site: Site, built: Host) -> list[File]:
    """Every file but certificates, secrets, and the release."""
    rendered = (
        *system.agent_files(site),
        *system.files(site),
        *firewall.files(site),
        *one_api.files(site),
        *nginx.notes(),
        *certificate_files.files(site),
        *monitor.files(site),
        *callbacks.files(site),
    )
    parts = [f"{nginx.LINK}/{name}" for name in (*nginx.PARTS, nginx.CALLBACK_SCRIPT, upgrade.PART)]
    there = [nginx.CONF, *nginx.INCLUDES, *parts, paths.FIREWALL]
    return [*rendered, *(File(path, built.ssh(f"cat {path}").encode()) for path in there)]


def directories() -> list[Directory]:
    """Every directory."""
    link = Directory(nginx.LINK)
    return [
        *system.directories(),
        *one_api.directories(),
        *certificate_files.directories(),
        Directory(nginx.DROP_IN_FOLDER),
        link,
    ]


def write(folder: Path, settings: dict[str, Any], built: Host) -> dict[str, Any]:
    """Lay the payload out in ``folder``; the variables that describe it."""
    site = Site.parse(settings)
    release = artifact.obtain(site, "amd64", LOCK)
    wanted = files(site, built)
    for file in wanted:
        _place(folder, file)
    binary = one_api.binary(release.sha256)
    _place(folder, File(binary, release.path.read_bytes(), "755"))
    places = [*directories(), Directory(binary.rpartition("/")[0])]
    variables = {
        "domain": site.domain,
        "packages": [*system.PACKAGES],
        "users": [{"name": name, "home": home} for name, home in USERS.items()],
        "directories": [{"path": each.path, "mode": f"0{each.mode}"} for each in places],
        "files": [_described(each) for each in wanted],
        "binary": binary,
        "units": UNITS,
        "agent": paths.agent(""),
        "venv": system.venv_script(site),
    }
    (folder / "vars.json").write_text(json.dumps(variables, indent=1))
    return variables


def _described(file: File) -> dict[str, str]:
    return {"path": file.path, "mode": f"0{file.mode}", "owner": file.owner, "group": file.group}


def _place(folder: Path, file: File) -> None:
    path = folder / "root" / file.path.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.data)
    path.chmod(int(file.mode, 8))


def changed(folder: Path, path: str, content: bytes) -> None:
    """Another content for one file of the payload."""
    (folder / "root" / path.lstrip("/")).write_bytes(content)


def names(variables: dict[str, Any]) -> Sequence[str]:
    """The paths of all files."""
    return [file["path"] for file in variables["files"]]
