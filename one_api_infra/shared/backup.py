"""What a backup holds, and what is told of it.

``HELD`` and ``MADE_AGAIN`` together name every path of the toolkit on a server: a new one that is
in neither is an error of a test, and so of the backup.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from one_api_infra.shared import paths

TAG, JOURNAL_TAG = "one-api-infra", "one-api-infra-journal"
JOURNALS_KEPT = 3  # each holds all of the ones before
DATABASE_FILE, FACTS_FILE = "database", "facts.json"


@dataclass(frozen=True)
class Held:
    """A path in the backup; ``what`` is a message id, ``owner`` a user of ours."""

    path: str
    owner: str = "root"
    copied_from: str = ""  # the live file that it is a copy of


# What of them is not there is left out: a site may have no ledger, or no secrets of its own.
HELD: tuple[Held, ...] = (
    Held(paths.DUMP, "one-api", paths.DATABASE),
    Held(paths.ONE_API_CONFIG),
    Held(paths.CONFIG),
    Held(f"{paths.STATE}/former-domains"),
    Held(paths.LEDGER_COPY, "one-api-callbacks", paths.LEDGER),
    Held(paths.JOURNAL, "one-api-callbacks"),
    Held(paths.REPORTS, "one-api-callbacks"),
    Held("/var/log/one-api-infra"),
    Held(paths.ONE_API),
)
# Keys of the backup itself: whoever has the backup must not need them, or could read on with them.
NOT_HELD = (
    *(paths.BACKUP, paths.BACKUP_SSH_KEY, paths.STREAM_ENVIRONMENT),
    paths.ACCESS_LOG,
)
MADE_AGAIN: Mapping[str, str] = {
    "/etc/apt": "the deploy",
    "/etc/needrestart": "the deploy",
    "/etc/nginx": "the deploy",
    "/etc/ssh": "the deploy",
    "/etc/sysctl.d": "the deploy",
    "/etc/systemd": "the deploy",
    "/run": "each start",
    paths.AGENT: "the deploy",
    paths.STATE: "the deploy and the agent: what was tried, loaded and seen last",
    paths.TUNNELS: "the deploy, and a developer's ssh",
    paths.TUNNEL_STATE: "the next run, from the tunnels' callback logs",
    paths.MONITOR: "the monitor's next run",
    paths.CALLBACKS: "the callback service's next run, from its ledger",
    paths.BACKUP_CACHE: "restic",
    paths.STREAM_CACHE: "Litestream",
    paths.DRILL: "the next drill",
    paths.DRILL_STREAM: "the next drill",
    paths.LOGS: "One API; nothing there is needed",
    paths.SECOND_LOGS: "One API; nothing there is needed",
    paths.DATA: "the restore, from the dump",
    paths.KEPT: "a removal; no site needs it",
}


def keep_options(keep: Mapping[str, int]) -> list[str]:
    """restic's options for how many snapshots stay."""
    return [f"--keep-{unit}={count}" for unit, count in keep.items() if count]


@dataclass(frozen=True)
class Settings:
    """``backup.json``, root's alone: what the admin's settings say. ``repositories`` are texts of
    ``repository.parse``; ``keep`` is how many snapshots by unit of time (``hourly``…).
    """

    repositories: tuple[str, ...]
    password: str
    environment: Mapping[str, str]
    keep: Mapping[str, int]
    prunes: bool
    kib_per_second: int


@dataclass(frozen=True)
class Facts:
    """What a copy of the database held when it was made, beside it in the backup.

    ``rows`` are counts by table, ``quota`` is the sum of all users'; -1 where it is not known.
    ``counters`` are the highest id of each table that hands ids out.
    """

    at: float
    kind: str
    edition: str
    version: str
    domain: str
    rows: Mapping[str, int]
    quota: int
    counters: Mapping[str, int]


@dataclass(frozen=True)
class RepositoryState:
    """The last attempt at a repository: ``reason`` is empty if it succeeded (``restic.REASONS``).

    ``saved`` is when the last one that succeeded began, ``snapshot`` its id, ``sent`` the bytes
    that it added and ``seconds`` how long it took.
    """

    name: str
    tried: float
    saved: float
    snapshot: str = ""
    seconds: float = 0.0
    sent: int = 0
    reason: str = ""
    words: str = ""


@dataclass(frozen=True)
class BackupState:
    """What the last run left (``paths.BACKUP_STATE``)."""

    repositories: tuple[RepositoryState, ...] = ()


@dataclass(frozen=True)
class DrillState:
    """The last restore that was tried: ``taken`` is when its snapshot was made.

    ``reason`` is empty if all that was compared is equal.
    """

    at: float
    repository: str
    snapshot: str
    taken: float
    reason: str = ""
    words: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class JournalState:
    """The journal's last sending: when it began, 0 if ``words`` say why it failed."""

    sent: float
    words: str = ""


@dataclass(frozen=True)
class StreamDrill:
    """The last restore of the stream that was tried; ``reason`` is empty if it was whole, and
    ``since`` is when the first of those in a row failed that were not.
    """

    at: float
    since: float = 0.0
    reason: str = ""
    words: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class StreamState:
    """The stream of SQLite's changes: when the database ``changed`` last, and when the newest
    change was ``stored`` (0: none, or ``words`` say why it is not known). ``began`` is when it was
    set up.
    """

    is_active: bool
    began: float
    changed: float
    stored: float
    words: str
    drill: StreamDrill | None


@dataclass(frozen=True)
class Backup:
    """The backup of a site; ``minutes`` is how often, ``began`` when it was set up.

    ``stream`` is None where there is none. ``journal_written`` is when the journal of payments
    grew last, 0 if it never did. ``restoring`` is when a restore began that has not ended; 0 where
    there is none.
    """

    is_active: bool
    minutes: int
    began: float
    restoring: float
    repositories: tuple[RepositoryState, ...]
    drill: DrillState | None
    journal: JournalState | None
    journal_written: float
    stream: StreamState | None
