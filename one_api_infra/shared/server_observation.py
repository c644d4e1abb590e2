"""What the agent on a server tells of it: one frozen value, written by ``server/observe.py`` alone.

Times are seconds since 1970, durations seconds, sizes MiB. Of keys, passwords and tokens nothing
is here but whether they are there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from one_api_infra.shared.acme import Attempt
from one_api_infra.shared.backup import Backup
from one_api_infra.shared.certificate import Certificate
from one_api_infra.shared.database import Database
from one_api_infra.shared.manifest import Deviation, Lacking
from one_api_infra.shared.place import Place
from one_api_infra.shared.process import Holder, Process
from one_api_infra.shared.unobserved import Unobserved
from one_api_infra.shared.upgrade import Upgrade


@dataclass(frozen=True)
class Mount:
    """A file system; ``inodes`` are those that are free, in percent."""

    free: float
    size: float
    inodes: float


@dataclass(frozen=True)
class Firewall:
    """``is_as_loaded``: nobody has changed the loaded rules since the deploy brought them.

    ``published``: ports that Docker hands on before the firewall is asked, as ``80/tcp``.
    """

    is_loaded: bool
    is_as_loaded: bool
    is_guarded: bool
    published: tuple[str, ...]


@dataclass(frozen=True)
class Nginx:
    """Whether nginx runs with what is on disk, and what is on disk is as it was written.

    ``rivals`` are files of other sites that have one of our names. ``problem`` is why it would not
    start with what is on disk, ``closed`` a folder of its own in which it may not write.
    """

    is_loaded: bool
    is_as_written: bool
    rivals: tuple[str, ...]
    problem: str
    closed: str


@dataclass(frozen=True)
class CallbackLog:
    """``probes`` are the lines of this look's own requests."""

    path: str
    probes: tuple[str, ...]


@dataclass(frozen=True)
class Hook:
    """The deploy hook: its last run, and whether it can run at all."""

    ok: bool
    message: str
    can_run: bool


@dataclass(frozen=True)
class Renewal:
    """The renewal's timer and its last run; ``ran`` is 0 where there was none since the boot.

    ``last`` is what the last run came to, ``rehearsal`` the last try of a renewal that changes
    nothing: None if there was none yet. ``notes`` are certbot's own on the site's certificate,
    ``has_account`` whether the account that they name is there, ``authenticator`` certbot's plugin
    that is to prove the names.
    """

    is_active: bool
    is_enabled: bool
    result: str
    ran: float
    hook: Hook
    notes: Mapping[str, str]
    has_account: bool
    authenticator: str
    last: Attempt | None
    rehearsal: Attempt | None
    has_staging: bool


@dataclass(frozen=True)
class Monitor:
    """The monitor itself; ``undelivered`` names channels that took no alert."""

    is_active: bool
    ran: float
    channels: int
    is_watched: bool
    undelivered: tuple[str, ...]


@dataclass(frozen=True)
class Tested:
    """A payment row's last test payment; ``step`` is the one that failed, empty if none did."""

    title: str
    at: float
    step: str


@dataclass(frozen=True)
class Silent:
    """A payment row whose gateway answers no question; ``reason`` is of ``shared/silence.py``.

    ``has_told``: it has answered others before.
    """

    title: str
    reason: str
    has_told: bool = False


@dataclass(frozen=True)
class CallbacksState:
    """The callback service's own state; ``strangers`` is a rate in callbacks per second.

    ``quiet_hour`` is the hour of the server's clock with the fewest callbacks, None while too few
    are known to tell.
    """

    ran: float = 0.0
    cases: int = 0
    is_blind: bool = False
    strangers: float = 0.0
    is_behind: bool = False
    is_rebuilt: bool = False
    quiet_hour: int | None = None
    tested: tuple[Tested, ...] = ()
    silent: tuple[Silent, ...] = ()
    undelivered: tuple[str, ...] = ()


@dataclass(frozen=True)
class Callbacks:
    """The callback service."""

    is_active: bool
    state: CallbacksState


@dataclass(frozen=True)
class Payment:
    """A payment row; ``missing`` are the names of settings that its gateway needs.

    ``harms``: One API would end at an order; ``app`` is Alipay's, where it is such a row.
    """

    id: int
    type: str
    is_enabled: bool
    missing: tuple[str, ...]
    is_plain: bool
    harms: bool = False
    app: str = ""


@dataclass(frozen=True)
class StoredSettings:
    """What One API's management API tells. ``canary`` is ``opens``, ``dead``, ``missing`` or empty.

    ``is_compliant`` is None where the edition asks for no consent.
    """

    places: tuple[Place, ...]
    payments: tuple[Payment, ...]
    is_compliant: bool | None
    canary: str


@dataclass(frozen=True)
class OneApi:
    """One API: its unit, its process' variables that decide about callbacks, its own word.

    ``upgrade`` is one that is on its way, ``is_upgrading`` whether its unit runs.
    """

    is_active: bool
    port: int
    process: Process
    error: str
    environment: Mapping[str, str]
    is_ours: bool
    server_address: str | None
    database: Database | Unobserved
    stored: StoredSettings | Unobserved
    upgrade: Upgrade | None = None
    is_upgrading: bool = False


@dataclass(frozen=True)
class TunnelState:
    """A developer's tunnel. ``has_rules``: sshd's for its user are ours; ``is_barred``: another
    setting of sshd's keeps it out. ``has_certificate`` can be served, and ``is_served``;
    ``is_open``: somebody listens at its socket.
    """

    name: str
    domain: str
    user: str
    has_rules: bool
    is_barred: bool
    has_certificate: bool
    is_served: bool
    is_open: bool


@dataclass(frozen=True)
class Server:
    """All of it. What a site does not have is None: no renewal of its own, no callback service,
    no backup.

    ``resolver`` is the name that could not be looked up, if so. ``reboot_for`` are the packages
    whose update takes effect at the next reboot alone.
    """

    now: float
    uptime: float
    clock_is_kept: bool | Unobserved
    mounts: Mapping[str, Mount] | Unobserved
    memory_available: float | Unobserved
    reboot_for: tuple[str, ...] | Unobserved
    holders: Mapping[str, Holder] | Unobserved
    failed_units: tuple[str, ...] | Unobserved
    idle_units: Mapping[str, str] | Unobserved
    drop_ins: Mapping[str, str] | Unobserved
    lacking: Lacking | Unobserved
    deviations: tuple[Deviation, ...] | Unobserved
    firewall: Firewall | Unobserved
    nginx: Nginx | Unobserved
    resolver: str | Unobserved
    callback_log: CallbackLog | Unobserved
    acme_account: str | Unobserved
    certificates: tuple[Certificate, ...] | Unobserved
    renewal: Renewal | Unobserved | None
    monitor: Monitor | Unobserved
    callbacks: Callbacks | Unobserved | None
    one_api: OneApi | Unobserved
    backup: Backup | Unobserved | None
    tunnels: tuple[TunnelState, ...] | Unobserved
