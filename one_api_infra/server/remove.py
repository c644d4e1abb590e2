"""Removing the site from a server: what the manifest names, and what its programs have made.

The data and One API's secrets stay unless told otherwise.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from one_api_infra.server import accounts, files
from one_api_infra.server.local import must, run
from one_api_infra.server.nginx import DEFAULT_SITE_WAS_ON, KEPT, ORIGINAL_CONF
from one_api_infra.shared import paths, tunnel, units
from one_api_infra.shared.manifest import Manifest

DATA = (paths.DATA, paths.ONE_API_CONFIG, paths.LOGS, paths.DUMP)
# In a folder that may be the admin's, too: many keep a One API of their own there.
IN_ONE_API = (
    f"{paths.ONE_API}/releases",
    paths.CURRENT,
    paths.PREVIOUS,
    paths.SECOND,
    paths.TIKTOKEN,
)
OWNER_OF_DATA = "one-api"
# What no deploy writes: the programs make it.
MADE = (
    *(*IN_ONE_API, paths.SECOND_LOGS),
    *(paths.MONITOR, paths.CALLBACKS, paths.TUNNEL_STATE, f"{paths.NGINX}/one-api.d"),
    *(paths.BACKUP_CACHE, paths.STREAM_CACHE, paths.DRILL, paths.DRILL_STREAM),
)
# This program and what it reads while it runs.
LAST = (paths.STATE, paths.CONFIG, paths.AGENT)
COPIES = ("adopted*", "before-*")
MARK = "one-api"  # in the name of every folder that is ours alone


def callbacks() -> None:
    """Stop and remove the callback service; the log and the site stay."""
    _stop((units.CALLBACKS_TIMER, units.CALLBACKS))
    remove_paths([paths.CALLBACKS])
    run("userdel", "one-api-callbacks")
    must("systemctl", "daemon-reload")


def _stop(names: Iterable[str]) -> None:
    for unit in filter(_is_ours, names):
        run("systemctl", "disable", "--now", "--quiet", unit)
        Path(units.path(unit)).unlink(missing_ok=True)


def _is_ours(unit: str) -> bool:
    """Whether a unit is not the one of the admin's own One API that was started again."""
    path = Path(units.path(unit))
    return unit != units.ONE_API or not path.exists() or "one-api-infra" in path.read_text()


def remove(data: str = "keep") -> None:
    """Stop and remove everything that the toolkit made; with ``delete`` the data too."""
    manifest, made = files.manifest(), [*_nginx_files(), *MADE, *_runtime()]
    kept = () if data == "delete" else DATA
    _stop(own_units(manifest))
    has_tunnels = Path(paths.TUNNEL_SSH).exists()
    run(paths.PORT_GUARD, "--remove")
    _restore_nginx()
    foreign = () if _is_ours(units.ONE_API) else (units.path(units.ONE_API),)
    named = manifest.entries.keys() - {paths.ONE_API}
    remove_paths([*named, *made, *DATA], without=(*LAST, *kept, *foreign))
    with contextlib.suppress(OSError):
        Path(paths.ONE_API).rmdir()  # if nothing of the admin's is in it
    if has_tunnels:
        run("systemctl", "reload", "ssh")
    for user in manifest.users:
        if user.startswith(tunnel.PREFIX):
            accounts.end(user)
        elif data == "delete" or user != OWNER_OF_DATA:
            run("userdel", user)
    must("systemctl", "daemon-reload")
    if run("nginx", "-t", "-q")[0] == 0:
        run("systemctl", "reload-or-restart", units.NGINX)
    if data == "delete":
        remove_paths([paths.KEPT])
    else:
        _keep_copies()
    remove_paths(LAST)


def _keep_copies() -> None:
    """What of the data was put aside: by a restore, an upgrade, an adoption.

    The folder itself tells a later ``--delete-data`` that what is here is ours.
    """
    Path(paths.KEPT).mkdir(mode=0o700, exist_ok=True)
    folder = Path(paths.KEPT, time.strftime("%Y-%m-%dT%H-%M-%S"))
    for path in [each for pattern in COPIES for each in Path(paths.STATE).glob(pattern)]:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        must("mv", "-fT", str(path), f"{folder}/{path.name}")


def own_units(manifest: Manifest) -> list[str]:
    """Our own, timers first; the firewall last, since it guards One API's port."""
    found = [
        path.rpartition("/")[2]
        for path, entry in manifest.entries.items()
        if entry.kind == "f" and path.rpartition("/")[0] == units.FOLDER
    ]
    return sorted(found, key=lambda unit: (unit == units.FIREWALL, not unit.endswith(".timer")))


def _nginx_files() -> list[str]:
    written = Path(paths.NGINX_WRITTEN)
    theirs = {f"{paths.NGINX}/nginx.conf"}  # the package's, which is put back
    found = json.loads(written.read_text()) if written.exists() else {}
    return [f"{paths.NGINX}/one-api", *(path for path in found if path not in theirs)]


def _runtime() -> list[str]:
    """What is gone after a reboot, and what an admin had put in the place of a unit."""
    aside = Path(units.FOLDER).glob(f"{MARK}*.aside.*")
    return [str(path) for path in (*Path("/run").glob(f"{MARK}*"), *aside)]


def remove_paths(found: Iterable[str], without: tuple[str, ...] = ()) -> None:
    """Files and folders of ours; a folder that others use too only when it is empty."""
    for path in sorted(map(Path, found), reverse=True):
        if any(path.is_relative_to(each) for each in without):
            continue
        if not path.is_dir() or path.is_symlink():
            path.unlink(missing_ok=True)
        elif MARK in str(path):
            shutil.rmtree(path, ignore_errors=True)
        elif not any(path.iterdir()):
            path.rmdir()


def _restore_nginx() -> None:
    """The package's nginx.conf and default site, where they were replaced."""
    conf, original = Path(f"{paths.NGINX}/nginx.conf"), Path(ORIGINAL_CONF)
    if original.exists() and "one-api-infra" in conf.read_text().split("\n", 1)[0]:
        shutil.copy2(original, conf)
    if Path(f"{KEPT}/{DEFAULT_SITE_WAS_ON}").exists():
        site = Path(f"{paths.NGINX}/sites-enabled/default")
        if not site.is_symlink():
            site.symlink_to("/etc/nginx/sites-available/default")
