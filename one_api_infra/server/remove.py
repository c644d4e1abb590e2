"""Removing the site from a server. The data and One API's secrets stay unless told otherwise."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from one_api_infra.server import paths
from one_api_infra.server.local import must, run
from one_api_infra.server.nginx import DEFAULT_SITE_WAS_ON, KEPT, ORIGINAL_CONF

CALLBACK_UNITS = ("one-api-callbacks.timer", "one-api-callbacks.service")
UNITS = (
    *CALLBACK_UNITS,
    "one-api-logrotate.timer",
    "one-api-logrotate.service",
    "one-api-logs.service",
    "one-api-disk.service",
    "one-api-watchdog.timer",
    "one-api-watchdog.service",
    "one-api-monitor.timer",
    "one-api-monitor.service",
    "one-api-observe.service",
    "one-api-look.service",
    "one-api.service",
    "one-api-database.service",
    "one-api-certificate.timer",
    "one-api-certificate.service",
    "one-api-rehearsal.timer",
    "one-api-former-domains.timer",
    "one-api-former-domains.service",
    "one-api-rehearsal.service",
)
FIREWALL_UNIT = "one-api-firewall.service"
FILES = (
    "/etc/apt/apt.conf.d/52one-api-infra",
    "/etc/systemd/journald.conf.d/one-api-infra.conf",
    "/etc/logrotate.d/one-api-infra",
    "/etc/sysctl.d/60-one-api-infra.conf",
    "/etc/systemd/system/nginx.service.d/one-api-infra.conf",
    f"{paths.NGINX}/conf.d/one-api.conf",
    f"{paths.NGINX}/modules-enabled/90-one-api.conf",
    f"{paths.NGINX}/one-api",
    paths.CURRENT,
    f"{paths.ONE_API}/previous",
    paths.NGINX_LOADED,
    paths.STARTED,
    paths.DATABASE_STATE,
)
FOLDERS = (
    f"{paths.NGINX}/one-api.d",
    f"{paths.ONE_API}/releases",
    paths.TIKTOKEN,
    paths.CONFIG,
    "/var/log/one-api-infra",
    paths.MONITOR,
    paths.CALLBACKS,
    "/run/one-api-observe",
    "/run/one-api-monitor",
    "/run/one-api-watchdog",
)
DATA = (paths.DATA, paths.ONE_API_CONFIG, paths.LOGS)
EMPTY = (paths.ONE_API, "/etc/systemd/system/nginx.service.d", "/etc/systemd/journald.conf.d")


def callbacks() -> None:
    """Stop and remove the callbacks' agent; the log and the site stay."""
    _stop(CALLBACK_UNITS)
    shutil.rmtree(paths.CALLBACKS, ignore_errors=True)
    run("userdel", "one-api-callbacks")
    must("systemctl", "daemon-reload")


def _stop(units: Sequence[str]) -> None:
    for unit in units:
        run("systemctl", "disable", "--now", "--quiet", unit)
        Path(f"/etc/systemd/system/{unit}").unlink(missing_ok=True)


def remove(data: str = "keep") -> None:
    """Stop and remove everything that the toolkit made; with ``delete`` the data too."""
    _stop((*UNITS, FIREWALL_UNIT))  # One API first: the firewall guards its port
    run(paths.PORT_GUARD, "--remove")
    _restore_nginx()
    for path in FILES:
        Path(path).unlink(missing_ok=True)
    for folder in (*FOLDERS, *(DATA if data == "delete" else ())):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in EMPTY:
        if Path(folder).is_dir() and not any(Path(folder).iterdir()):
            Path(folder).rmdir()
    run("userdel", "one-api-monitor")
    run("userdel", "one-api-callbacks")
    if data == "delete":
        run("userdel", "one-api")
    must("systemctl", "daemon-reload")
    if run("nginx", "-t", "-q")[0] == 0:
        run("systemctl", "reload-or-restart", "nginx.service")
    for folder in (paths.STATE, paths.AGENT):  # this program is in the last one
        shutil.rmtree(folder, ignore_errors=True)


def _restore_nginx() -> None:
    """The package's nginx.conf and default site, where they were replaced."""
    conf, original = Path(f"{paths.NGINX}/nginx.conf"), Path(ORIGINAL_CONF)
    if original.exists() and "one-api-infra" in conf.read_text().split("\n", 1)[0]:
        shutil.copy2(original, conf)
    if Path(f"{KEPT}/{DEFAULT_SITE_WAS_ON}").exists():
        site = Path(f"{paths.NGINX}/sites-enabled/default")
        if not site.is_symlink():
            site.symlink_to("/etc/nginx/sites-available/default")
