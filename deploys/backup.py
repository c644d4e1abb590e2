"""The backup: restic's repositories and secrets, and the timers of the backup and of its drill."""

from pyinfra import host, local

from one_api_infra.desired import backup, installation
from one_api_infra.desired.resources import Directory
from one_api_infra.remote import operations, target
from one_api_infra.shared import units
from one_api_infra.shared.texts import _

site = target.site()
if target.is_first("agent"):
    local.include("./agent.py")

if backup.is_wanted(site):
    if site.is_streamed and target.is_first("environment"):  # Litestream is part of it
        local.include("./environment.py")
        operations.ended(
            name=_("Packages and virtual environment are there"),
            unit=units.INSTALLATION,
            script=installation.wait_script(),
        )
    operations.packages(
        name=_("Install what the backup needs"), names=lambda _snapshot: backup.packages(site)
    )
    operations.files(
        name=_("Write the backup's files"),
        directories=tuple(Directory(each, mode="700") for each in backup.folders(site)),
        files=backup.files(site),
        absent=backup.absent(site),
    )
    operations.command(
        name=_("Let the stream go on with changed settings"),
        script=backup.restream_script(),
        due=lambda snapshot: site.is_streamed and backup.is_stream_stale(snapshot),
        follows=(),
        keeps_files=True,
    )
    for unit in host.loop(units.STREAM_STARTERS if site.is_streamed else ()):
        operations.unit(name=_("Start {unit}", unit=unit), unit=unit, beside=(units.STREAM_DRILL,))
    if not site.is_streamed:
        operations.removal(
            name=_("Remove the stream"),
            script=backup.stream_removal(),
            due=backup.stream_is_left,
        )
    operations.unit(
        name=_("Make backups by a timer"),
        unit=units.BACKUP_TIMER,
        beside=(units.BACKUP, units.DUMP),
    )
    operations.unit(
        name=_("Try a restore by a timer"), unit=units.DRILL_TIMER, beside=(units.DRILL,)
    )
    operations.unit(
        name=_("Send the journal of payments when it grows"),
        unit=units.JOURNAL_PATH,
        beside=(units.JOURNAL,),
    )
else:
    operations.removal(name=_("Remove the backup"), script=backup.removal(), due=backup.is_left)
