"""Packages, time, security updates, the journal's size, and the virtual environment."""

from pyinfra import local

from one_api_infra.desired import installation, logs, nginx, system
from one_api_infra.remote import operations, target
from one_api_infra.shared import units
from one_api_infra.shared.texts import _

site = target.site()
target.is_first("system")  # not again by tunnel.py
if target.is_first("install"):
    local.include("./install.py")

operations.files(
    name=_("Write the system's settings and the rotation of logs"),
    files=(*system.files(site), *logs.files(site)),
    absent=(logs.OLD_LOGROTATE,),
)
operations.ended(
    name=_("Packages and virtual environment are there"),
    unit=units.INSTALLATION,
    script=installation.wait_script(),
)
if target.is_first("njs"):
    operations.command(
        name=_("Let nginx load njs"), script=nginx.njs_script(), due=nginx.njs_is_off, follows=()
    )
operations.packages(
    name=_("Install Debian packages"),
    names=lambda snapshot: system.packages(site, snapshot),
)
operations.unit(name=_("Keep room for the record of callbacks"), unit=units.DISK)
operations.unit(
    name=_("Rotate logs by a timer"),
    unit=units.LOGROTATE_TIMER,
    beside=(units.LOGROTATE, units.LOGS),
)
operations.command(
    name=_("Let the journal keep to its size"),
    script="systemctl restart systemd-journald.service",
    due=system.journal_is_stale,
    follows=(system.JOURNAL,),
    keeps_files=True,
    is_asked=False,
)
operations.command(
    name=_("Let TCP find the size of packets"),
    script=f"sysctl --quiet --load={system.SYSCTL}",
    due=system.probing_is_off,
    follows=(),
    keeps_files=True,
    is_asked=False,
)
operations.unit(name=_("Keep the time"), unit=system.TIMESYNCD, wanted=system.time_is_ours)
operations.units(name=_("Install security updates"), units=system.UPDATERS)
if target.is_first("environment"):
    local.include("./environment.py")
