"""The systemd units of a site, and where they stand."""

FOLDER = "/etc/systemd/system"

NGINX = "nginx.service"
ONE_API = "one-api.service"
SECOND, UPGRADE = "one-api-second.service", "one-api-upgrade.service"
DATABASE = "one-api-database.service"
FIREWALL = "one-api-firewall.service"
CERTIFICATE, CERTIFICATE_TIMER = "one-api-certificate.service", "one-api-certificate.timer"
REHEARSAL, REHEARSAL_TIMER = "one-api-rehearsal.service", "one-api-rehearsal.timer"
FORMER_DOMAINS = "one-api-former-domains.service"
FORMER_DOMAINS_TIMER = "one-api-former-domains.timer"
CALLBACKS, CALLBACKS_TIMER = "one-api-callbacks.service", "one-api-callbacks.timer"
OBSERVE, LOOK = "one-api-observe.service", "one-api-look.service"
MONITOR, MONITOR_TIMER = "one-api-monitor.service", "one-api-monitor.timer"
WATCHDOG, WATCHDOG_TIMER = "one-api-watchdog.service", "one-api-watchdog.timer"
DUMP = "one-api-dump.service"
BACKUP, BACKUP_TIMER = "one-api-backup.service", "one-api-backup.timer"
JOURNAL, JOURNAL_PATH = "one-api-journal.service", "one-api-journal.path"
DRILL, DRILL_TIMER = "one-api-drill.service", "one-api-drill.timer"
STREAM, STREAM_STORE = "one-api-stream.service", "one-api-stream-store.service"
STREAM_DRILL, STREAM_DRILL_TIMER = "one-api-stream-drill.service", "one-api-stream-drill.timer"
TUNNEL, TUNNEL_TIMER = "one-api-tunnel.service", "one-api-tunnel.timer"
DISK = "one-api-disk.service"
INSTALLATION = "one-api-installation.service"  # transient: it has no file
BYTECODE = "one-api-bytecode.service"  # transient, too
LOGROTATE, LOGROTATE_TIMER = "one-api-logrotate.service", "one-api-logrotate.timer"
LOGS = "one-api-logs.service"

GATE, GATE_SOCKET = "one-api-gate.service", "one-api-gate.socket"
MOVE, MOVE_SETTLE = "one-api-move.service", "one-api-move-settle.service"
MOVE_DRAIN = "one-api-move-drain.service"

BACKUP_STARTERS = (BACKUP_TIMER, DRILL_TIMER, JOURNAL_PATH)
STREAM_STARTERS = (STREAM_STORE, STREAM, STREAM_DRILL_TIMER)
CERTIFICATE_TIMERS = (CERTIFICATE_TIMER, REHEARSAL_TIMER)


def path(unit: str) -> str:
    """The unit's file."""
    return f"{FOLDER}/{unit}"


def drop_ins(unit: str) -> str:
    """The folder of what is added to the unit of a package."""
    return f"{FOLDER}/{unit}.d"
