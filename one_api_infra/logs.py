"""The site's logs: rotated by day and size, with room on the disk that only the record may use."""

from one_api_infra import render
from one_api_infra.resources import File, Wanted
from one_api_infra.server import paths
from one_api_infra.site import Site

FOLDER = "/var/log/one-api-infra"
LOGROTATE = f"{paths.CONFIG}/logrotate.conf"
LOGROTATE_STATE = f"{paths.STATE}/logrotate.state"
OLD_LOGROTATE = "/etc/logrotate.d/one-api-infra"  # until 1.3: by day alone
GUARD = f"{paths.AGENT}/disk-guard"
UNITS = "/etc/systemd/system"
OWN, OWN_LOGROTATE = "one-api-logs.service", f"{paths.CONFIG}/logrotate-one-api.conf"
OWN_STATE = f"{paths.LOGS}/logrotate.state"
DISK, ROTATION, TIMER = (
    "one-api-disk.service", "one-api-logrotate.service", "one-api-logrotate.timer",
)  # fmt: skip
MOST = 1024  # MiB that all callback logs take
RESERVE = 16  # MiB that only the callback log may use
LOW, HIGH = 32, 64  # MiB that are left when callbacks are no longer, and again, let in


def files(site: Site) -> tuple[File, ...]:
    """Rotation, and the guard of the disk."""
    guard = render.file(
        GUARD, "755",
        callback_log=paths.CALLBACK_LOG, mark=paths.DISK_FULL, folders=(FOLDER, paths.DATA),
        reserve=RESERVE, low=LOW, high=HIGH,
    )  # fmt: skip
    return (
        guard,
        render.file(f"{UNITS}/{DISK}", guard=GUARD, sha256=guard.sha256, logs=FOLDER),
        render.file(
            LOGROTATE, logs=FOLDER, days=site.log_days, megabytes=MOST
        ),
        render.file(
            f"{UNITS}/{ROTATION}",
            state=LOGROTATE_STATE, configuration=LOGROTATE, logs=FOLDER, folder=paths.STATE,
            own=OWN,
        ),
        render.file(OWN_LOGROTATE, one_api_logs=paths.LOGS),
        render.file(
            f"{UNITS}/{OWN}", data=paths.DATA, state=OWN_STATE,
            configuration=OWN_LOGROTATE,
        ),
        render.file(f"{UNITS}/{TIMER}"),
    )  # fmt: skip


def wanted(site: Site) -> Wanted:
    """What to look at."""
    return Wanted(
        paths=(*(file.path for file in files(site)), OLD_LOGROTATE),
        units=(DISK, ROTATION, OWN, TIMER),
    )
