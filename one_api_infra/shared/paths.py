"""Where things stand on a server. The templates' folders are these paths."""

AGENT = "/opt/one-api-infra"
PYTHON = f"{AGENT}/venv/bin/python"
ZIPAPP = f"{AGENT}/one-api-infra.pyz"
REQUIREMENTS = f"{AGENT}/requirements.txt"
CONFIG = "/etc/one-api-infra"
SITE = f"{CONFIG}/site.json"
MANIFEST = f"{CONFIG}/manifest.json"
FIREWALL = f"{CONFIG}/firewall.nft"
WATCHDOG = f"{AGENT}/watchdog"
PORT_GUARD = f"{AGENT}/port-guard"
LETSENCRYPT = f"{CONFIG}/letsencrypt"
DNS_PLUGIN = f"{CONFIG}/dns-multi.ini"
DNS_CREDENTIALS = f"{CONFIG}/dns.env"
ACME_CA = f"{CONFIG}/acme-ca.pem"
STATE = "/var/lib/one-api-infra"
# The variable that names a file in which an agent's command leaves what `state` would tell, as it
# ends: to start the agent once more takes longer.
STATE_LEFT = "ONE_API_INFRA_STATE"
FORMER = f"{STATE}/former-domains"
WEBROOT = f"{STATE}/acme"
RESTART_DUE = f"{STATE}/restart-due"
RENEWAL = f"{STATE}/renewal.json"
REHEARSAL = f"{STATE}/rehearsal.json"
FIREWALL_LOADED = f"{STATE}/firewall-loaded"
HOOK_RESULT = f"{STATE}/certificate-hook.json"
PASSWORD_CONFIRMED = f"{STATE}/root-password-confirmed"

ONE_API_CONFIG = "/etc/one-api"
ENVIRONMENT = f"{ONE_API_CONFIG}/one-api.env"
GENERATED = f"{ONE_API_CONFIG}/secrets.env"
GENERATED_COPY = f"{STATE}/secrets.env"
GIVEN = f"{ONE_API_CONFIG}/given.env"
ROOT_PASSWORD = f"{ONE_API_CONFIG}/root-password"
ACCESS_TOKEN = f"{ONE_API_CONFIG}/access-token"
ONE_API = "/opt/one-api"
CURRENT = f"{ONE_API}/current"
DATA = "/var/lib/one-api"
KEPT = "/var/lib/one-api.kept"  # left by a removal that has kept the data
DATABASE = f"{DATA}/one-api.db"
PREVIOUS = f"{ONE_API}/previous"
SECOND = f"{ONE_API}/second"  # the release of the second instance, in an upgrade
TIKTOKEN = f"{ONE_API}/tiktoken"
SECOND_LOGS = "/var/log/one-api-second"
UPGRADE = f"{STATE}/upgrade.json"  # one that is on its way
UPGRADE_FAILED = f"{STATE}/upgrade-failed.txt"
BEFORE_UPGRADE = f"{STATE}/before-upgrade"
DRAIN_NOW = "/run/one-api-drain-now"
LOGS = "/var/log/one-api"
STARTED = "/run/one-api-started"
RELEASE_SUM = "/run/one-api-observe/release"
CERTIFICATES_SEEN = "/run/one-api-observe/certificates"

MONITOR = "/var/lib/one-api-monitor"
MONITOR_STATE = f"{MONITOR}/state.json"
MONITOR_STATE_IN_MEMORY = "/run/one-api-monitor/state.json"
METRICS = f"{MONITOR}/one_api.prom"
ALERT_URLS = f"{CONFIG}/alert-urls"
HEARTBEAT_URL = f"{CONFIG}/heartbeat-url"
TRUSTED_CA = f"{CONFIG}/trusted-ca.pem"
# Handed from one step of a monitor's run to the next.
OUTSIDE = "/run/one-api-monitor/outside.json"
PROBE_MARK = "/run/one-api-monitor/mark"
MONITOR_RAN = "/run/one-api-monitor/ran"
OBSERVATION = "/run/one-api-observe/observation.json"

CALLBACK_LOG = "/var/log/one-api-infra/callbacks.log"
# Written by kernel packages, where unattended-upgrades is.
REBOOT_REQUIRED = "/run/reboot-required"
ACCESS_LOG = "/var/log/one-api-infra/access.log"
DISK_FULL = "/run/one-api-disk/full"
CALLBACKS = "/var/lib/one-api-callbacks"
LEDGER = f"{CALLBACKS}/ledger.db"
CALLBACKS_STATE = f"{CALLBACKS}/state.json"
REPORTS = f"{CALLBACKS}/reports"
# Root's own file, which systemd opens for the unit's output: it holds New API's epay key.
DATABASE_STATE = "/run/one-api-database.json"

BACKUP = f"{CONFIG}/backup.json"
BACKUP_SSH_KEY = f"{CONFIG}/backup-ssh-key"
BACKUP_KNOWN_HOSTS = f"{CONFIG}/backup-known-hosts"
BACKUP_FIRST_CONTACTS = f"{STATE}/backup-known-hosts"
LEDGER_REWIND = f"{STATE}/rewind.json"  # the database was taken back
BACKUP_PRUNED = f"{STATE}/backup-pruned.json"
BACKUP_STATE = f"{STATE}/backup.json"
BACKUP_CACHE = "/var/cache/one-api-backup"
STREAM_CACHE = "/var/cache/one-api-stream"
DRILL_STATE = f"{STATE}/drill.json"
DRILL = "/var/lib/one-api-drill"
STREAMED = f"{DATA}/.one-api.db-litestream"  # Litestream's own
ADOPTING = f"{STATE}/adopting.json"
ADOPTED = f"{STATE}/adopted.json"
WENT_BACK = f"{STATE}/went-back"  # what was there before an adoption runs again
ADOPTED_FILES = f"{STATE}/adopted"
LITESTREAM = f"{AGENT}/venv/bin/litestream"
STREAM_CONFIG = f"{CONFIG}/stream.yml"
STREAM_ENVIRONMENT = f"{CONFIG}/stream.env"
STREAM_DRILL = f"{STATE}/stream.json"
STREAM_KNOWN_HOSTS = f"{STATE}/stream-known-hosts"
DRILL_STREAM = "/var/lib/one-api-stream-drill"
DUMP = "/var/lib/one-api-dump"
JOURNAL = f"{CALLBACKS}/journal"
JOURNAL_RESTORED = f"{CALLBACKS}/journal.restored"
JOURNAL_STATE = f"{STATE}/journal.json"
LEDGER_COPY = f"{CALLBACKS}/ledger.copy.db"
RESTORE = f"{STATE}/restore"
RESTORED = f"{STATE}/restored.txt"  # what the last one had to say
RESTORE_MARK = f"{STATE}/restore.json"
RESTORE_HALTED = f"{STATE}/restore-halted"  # One API does not start while it is there
ASIDE = f"{STATE}/before-restore"

TUNNELS = "/var/lib/one-api-tunnels"
TUNNEL_KEYS = f"{CONFIG}/tunnels"
TUNNEL_KEYS_ENDED = f"{STATE}/tunnel-keys"  # as they were when others' connections were ended
TUNNEL_SSH = "/etc/ssh/sshd_config.d/one-api-tunnel.conf"
TUNNEL_SSH_LOADED = f"{STATE}/tunnel-ssh-loaded"
TUNNEL_STATE = "/var/lib/one-api-tunnel"  # how far each record was sent again

MOVE = f"{STATE}/move"  # of a site on its way, on both servers; root's alone
MOVE_KEY = f"{MOVE}/key"
MOVE_TARGET = f"{MOVE}/target.json"
MOVE_NGINX = f"{MOVE}/nginx.json"
MOVE_BEGUN = f"{MOVE}/begun.json"  # a switch that has neither ended nor been taken back
MOVE_GATE = f"{STATE}/gate"
MOVE_TREE = f"{MOVE}/tree"
MOVED = f"{STATE}/moved.json"  # on the server that it has left
ARRIVED = f"{STATE}/arrived.json"

NGINX = "/etc/nginx"
NGINX_WRITTEN = f"{STATE}/nginx/written.json"
NGINX_LOADED = "/run/one-api-nginx.loaded"
NGINX_SUM = f"{AGENT}/nginx-sum"


def agent(command: str) -> str:
    """The shell command that runs a command of the package on the server."""
    return f"{PYTHON} {ZIPAPP} {command}"
