"""Level 7: there is a backup, it is fresh, and it was brought back whole."""

from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.shared import intervals
from one_api_infra.shared.backup import StreamDrill, StreamState
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.unobserved import observed

SET = "backup.is_set"
LATE = 3  # intervals without a backup
JOURNAL_LATE = 600.0  # seconds; a night's prune locks the repository for a while
HOUR, DAY = 3600.0, 86400.0
STREAM_STARTS = 600.0  # seconds; the first backup lets ssh know the repository's server
STREAM_LATE = 60.0
STREAM_DRILL_LATE = 86_400.0  # a large database is restored less often than hourly
DRILL_DAYS = 16  # two of its weekly runs, and some
AGAIN = N_("mend it, then `systemctl start one-api-backup`")
DRILL_AGAIN = N_("mend it, then `systemctl start one-api-drill`")
REASONS = {
    "password": Fault(
        N_("the password is not that of {name}: it was made with another"),
        N_("set the password with which it was made, or name another repository, and deploy"),
    ),
    "locked": Fault(
        N_("{name} is locked by another run of restic: {words}"),
        N_("wait for its end; if none runs any more, `one-api-infra prune` unlocks it"),
        is_warning=True,
    ),
    "full": Fault(
        N_("there is no room in {name}: {words}"),
        N_(
            "make room there, or let less be kept (`backup_keep`): `one-api-infra prune` frees it;"
            " then `systemctl start one-api-backup`"
        ),
    ),
    "gone": Fault(
        N_("{name} held backups, and there is no repository any more: {words}"),
        N_(
            "mount its disk, or name the right place, then `systemctl start one-api-backup`; if a"
            " new one is wanted: `rm /var/lib/one-api-infra/backup.json` first"
        ),
    ),
    "refused": Fault(
        N_("{name} refuses this server: {words}"),
        N_(
            "let it in there: its key, its name and password are `backup_ssh_key_file`,"
            " `backup_environment` or in `backup`; then deploy"
        ),
    ),
    "unreachable": Fault(N_("{name} cannot be reached: {words}"), AGAIN),
    "damaged": Fault(
        N_("{name} is damaged: {words}"),
        N_("name another repository beside it in `backup` and deploy; then mend this one"),
    ),
    "absent": Fault(N_("there is no repository at {name}, and none can be made: {words}"), AGAIN),
    "room": Fault(N_("no room for the backup's copy: {words}"), AGAIN),
    "dump": Fault(
        N_("the database could not be copied for the backup"),
        N_("read `journalctl -u one-api-dump`, mend it, then `systemctl start one-api-backup`"),
    ),
    "failed": Fault(
        N_("no backup at {name}: {words}"),
        N_("read `journalctl -u one-api-backup`, mend it, then `systemctl start one-api-backup`"),
    ),
}


def _set(observation: Observation) -> Finding:
    found = observed(observation.on_server.backup)
    if found is None:
        return Found("none")
    is_late = found.restoring and observation.on_server.now - found.restoring > HOUR
    return Found("unfinished") if is_late else None


def _repository(observation: Observation) -> Finding:
    found = observed(observation.on_server.backup)
    if found is None:
        return _none()
    for each in found.repositories:
        if each.reason:
            values = {"name": each.name, "words": each.words}
            return Found(each.reason, each.words, values)
    return None


def _fresh(observation: Observation) -> Finding:
    found = observed(observation.on_server.backup)
    if found is None:
        return _none()
    if not found.is_active:
        return Found("stopped")
    now, uptime = observation.on_server.now, observation.on_server.uptime
    patience = LATE * found.minutes * 60.0 + intervals.BACKUP_SLACK
    for each in found.repositories:
        age = now - (each.saved or found.began)
        if age > patience and uptime > patience:
            hours = round(age / HOUR, 1)
            return Found("old", each.name, {"name": each.name, "hours": hours})
    if not found.repositories:
        if now - found.began > patience and uptime > patience:
            return Found("never")
        return Skip(_("the first backup is still to come"))
    return None


def _journal(observation: Observation) -> Finding:
    found = observed(observation.on_server.backup)
    if found is None:
        return _none()
    sent = found.journal.sent if found.journal else 0.0
    waiting = observation.on_server.now - found.journal_written
    if found.journal_written > sent and waiting > JOURNAL_LATE:
        words = found.journal.words if found.journal else ""
        return Found("waits", words, {"minutes": round(waiting / 60), "words": words or "-"})
    return None


def _streaming(observation: Observation) -> Finding:
    found = observed(observation.on_server.backup)
    if found is None:
        return _none()
    if found.stream is None:
        return Skip(_("SQLite's changes are not streamed here"))
    # A repository that is away is told by its own check, which looks once an interval.
    return _stream(found.stream, observation, STREAM_LATE + found.minutes * 60.0)


def _stream(stream: StreamState, observation: Observation, patience: float) -> Finding:
    now = observation.on_server.now
    age = now - stream.began
    if age < STREAM_STARTS:
        return Skip(_("the stream has only begun"))
    if stream.words:  # first: without its store the stream does not stay up
        return Found("store", stream.words, {"words": stream.words})
    if not stream.is_active:
        return Found("stopped")
    if stream.changed > stream.stored + patience:
        return Found("behind", "", {"seconds": round(now - stream.stored)})
    age = min(age, observation.on_server.uptime)
    return _stream_drill(stream.drill, now, age, patience)


def _stream_drill(drill: StreamDrill | None, now: float, age: float, patience: float) -> Finding:
    if drill and drill.reason and now - drill.since > patience:
        return Found("broken", drill.words, {"words": drill.words})
    if age > STREAM_DRILL_LATE and now - (drill.at if drill else 0.0) > STREAM_DRILL_LATE:
        return Found("untried")
    return None


def _restored(observation: Observation) -> Finding:
    found = observed(observation.on_server.backup)
    if found is None:
        return _none()
    now, drill = observation.on_server.now, found.drill
    if drill is None:
        if now - found.began > DRILL_DAYS * DAY:
            return Found("never")
        return Skip(_("the first drill is still to come"))
    if drill.reason:
        return Found(drill.reason, drill.words, {"name": drill.repository, "words": drill.words})
    if now - drill.at > DRILL_DAYS * DAY and observation.on_server.uptime > DRILL_DAYS * DAY:
        return Found("old", "", {"days": round((now - drill.at) / DAY)})
    return None


def _none() -> Skip:
    return Skip(_("there is no backup"))


CHECKS = (
    Check(
        SET,
        Level.FLOW,
        N_("There is a backup"),
        {
            "none": Fault(
                N_("there is no backup: with this server everything on it is lost"),
                N_('set "backup" and "backup_password" in the inventory, and deploy'),
                is_warning=True,
            ),
            "unfinished": Fault(
                N_("a restore was cut off: what is here is half of now and half of then"),
                N_("`pyinfra inventory.py deploys/restore.py` ends it"),
            ),
        },
        _set,
    ),
    Check(
        "backup.repository",
        Level.FLOW,
        N_("The last run of the backup reached every repository"),
        REASONS,
        _repository,
    ),
    Check(
        "backup.is_fresh",
        Level.FLOW,
        N_("Every repository holds a backup of lately"),
        {
            "stopped": Fault(
                N_("one-api-backup.timer does not run: nothing is backed up"),
                N_("`systemctl enable --now one-api-backup.timer`"),
            ),
            "old": Fault(
                N_("the newest backup in {name} is {hours} hours old"),
                N_("`systemctl start one-api-backup`; why: `journalctl -u one-api-backup`"),
            ),
            "never": Fault(
                N_("no backup was made yet"),
                N_("`systemctl start one-api-backup`; why: `journalctl -u one-api-backup`"),
            ),
        },
        _fresh,
        needs=("backup.repository",),
    ),
    Check(
        "backup.journal",
        Level.FLOW,
        N_("What is known of payments is off the server within a minute"),
        {
            "waits": Fault(
                N_(
                    "the journal of payments waits for {minutes} minutes to be sent off this"
                    " server: {words}"
                ),
                N_(
                    "mend what the words name; `systemctl enable --now one-api-journal.path`,"
                    " `systemctl start one-api-journal`"
                ),
            )
        },
        _journal,
        needs=("backup.repository",),
    ),
    Check(
        "backup.is_streaming",
        Level.FLOW,
        N_("SQLite's changes are off the server within seconds"),
        {
            "stopped": Fault(
                N_("one-api-stream does not run: what changes leaves with the next backup only"),
                N_("`systemctl enable --now one-api-stream-store one-api-stream`"),
            ),
            "store": Fault(
                N_("the stream's store does not answer: {words}"),
                N_("`systemctl enable --now one-api-stream-store`; why:"
                   " `journalctl -u one-api-stream-store`"),
            ),
            "behind": Fault(
                N_("the stream is {seconds} seconds behind"),
                N_("`systemctl restart one-api-stream-store one-api-stream`; why:"
                   " `journalctl -u one-api-stream -u one-api-stream-store`"),
            ),
            "broken": Fault(
                N_("the stream cannot be restored: {words}"),
                N_("read `journalctl -u one-api-stream-drill`, mend it, then"
                   " `systemctl start one-api-stream-drill`"),
            ),
            "untried": Fault(
                N_("no restore of the stream was tried for a day"),
                N_("`systemctl enable --now one-api-stream-drill.timer`,"
                   " `systemctl start one-api-stream-drill`"),
            ),
        },
        _streaming,
        needs=("backup.repository",),
    ),
    Check(
        "backup.was_restored",
        Level.FLOW,
        N_("The newest backup was brought back in a drill, and was whole"),
        {
            "never": Fault(
                N_("no backup was ever brought back"), N_("`systemctl start one-api-drill`")
            ),
            "old": Fault(
                N_("the last drill was {days} days ago"),
                N_("`systemctl enable --now one-api-drill.timer`"),
            ),
            "different": Fault(
                N_("what came back from {name} is not what was saved: {words}"),
                N_("`systemctl start one-api-backup`, then `systemctl start one-api-drill`"),
            ),
            **{name: Fault(fault.cause, DRILL_AGAIN if fault.remedy == AGAIN else fault.remedy,
                           fault.is_warning) for name, fault in REASONS.items()},
        },
        _restored,
    ),
)  # fmt: skip
