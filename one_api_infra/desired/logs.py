"""The site's logs: rotated by day and size, with room on the disk that only the record may use."""

from one_api_infra.desired import render
from one_api_infra.desired.resources import Concern, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.shared import paths, units

FOLDER = "/var/log/one-api-infra"
LOGROTATE = f"{paths.CONFIG}/logrotate.conf"
LOGROTATE_STATE = f"{paths.STATE}/logrotate.state"
OLD_LOGROTATE = "/etc/logrotate.d/one-api-infra"  # until 1.3: by day alone
GUARD = f"{paths.AGENT}/disk-guard"
OWN_LOGROTATE = f"{paths.CONFIG}/logrotate-one-api.conf"
OWN_STATE = f"{paths.LOGS}/logrotate.state"
ONE_APIS = (paths.LOGS, paths.SECOND_LOGS)
MOST = 1024  # MiB that the callback log may take
TUNNELS = 128  # MiB that all tunnels' records may take beside
RESERVE = 16  # MiB that only the callback log may use
LOW, HIGH = 32, 64  # MiB free: below LOW callbacks get 503, above HIGH they pass again


def files(site: Site) -> tuple[File, ...]:
    """Rotation, and the guard of the disk."""
    guard = render.file(
        GUARD, "755",
        callback_log=paths.CALLBACK_LOG, mark=paths.DISK_FULL, folders=(FOLDER, paths.DATA),
        reserve=RESERVE, low=LOW, high=HIGH,
    )  # fmt: skip
    return (
        guard,
        render.file(units.path(units.DISK), guard=GUARD, sha256=guard.sha256, logs=FOLDER),
        render.file(
            LOGROTATE, logs=FOLDER, days=site.log_days, megabytes=MOST, tunnels_megabytes=TUNNELS
        ),
        render.file(
            units.path(units.LOGROTATE),
            state=LOGROTATE_STATE, configuration=LOGROTATE, logs=FOLDER, folder=paths.STATE,
            own=units.LOGS,
        ),
        render.file(OWN_LOGROTATE, one_api_logs=ONE_APIS),
        render.file(
            units.path(units.LOGS), data=paths.DATA, state=OWN_STATE,
            configuration=OWN_LOGROTATE, one_api_logs=ONE_APIS,
        ),
        render.file(units.path(units.LOGROTATE_TIMER)),
    )  # fmt: skip


def concern(site: Site) -> Concern:
    """The logs' part."""
    return Concern(
        files=files(site),
        units=(units.DISK, units.LOGROTATE_TIMER),
        beside=SnapshotSpec(paths=(OLD_LOGROTATE,)),
    )
