"""Level 6, below One API: its database and its cache, as One API's own user sees them."""

from collections.abc import Mapping

from one_api_infra.checks.network import stop
from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip, Verbatim
from one_api_infra.shared import database, paths, units
from one_api_infra.shared.database import Database
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.unobserved import Unobserved, observed

UNITS = {database.POSTGRESQL: "postgresql", database.MYSQL: "mysql"}  # mariadb's alias too
REFUSED = ("authentication failed", "Access denied", "does not exist", "Unknown database")
AGE = 900.0  # seconds after which what was seen is no longer a look


def _answers(observation: Observation) -> Finding:
    if lost := _lost(observation):
        return lost
    state = observed(observation.on_server.one_api).database
    if isinstance(state, Unobserved):
        return Found("unlooked", state.unseen)
    if observation.on_server.now - state.at > AGE:
        return Found("unlooked", units.DATABASE)
    return _obstacle(observation, state, state.error, _silent(state)) if state.error else None


def _silent(state: Database) -> str:
    """Which kind of silence it is, by the drivers' words (pg8000, PyMySQL)."""
    if any(sign in state.error for sign in REFUSED):
        return "login"
    return "stopped" if state.is_local else "silent"


def _lost(observation: Observation) -> Found | None:
    """Files of the database that only the running One API still has."""
    one_api = observed(observation.on_server.one_api)
    handles = one_api.process.lost
    if not handles:
        return None
    state = one_api.database
    is_gone = isinstance(state, Database) and state.obstacle == "gone"
    commands = ", ".join(
        f"`install -o one-api -g one-api -m 600 {handle} {path}`"
        for path, handle in list(handles.items())[:3]
    )
    values = {"path": next(iter(handles)), "commands": Verbatim(commands)}
    return Found("lost" if is_gone else "replaced", " ".join(handles), values)


def _writes(observation: Observation) -> Finding:
    state = observed(observed(observation.on_server.one_api).database)
    is_wrong = state.refusal or state.obstacle
    return _obstacle(observation, state, state.refusal, "refused") if is_wrong else None


def _journal(observation: Observation) -> Finding:
    mode = observed(observed(observation.on_server.one_api).database).journal
    if not mode:
        return Skip(_("the database is not SQLite"))
    return None if mode == "wal" else Found("other", mode, {"mode": mode})


def _obstacle(observation: Observation, state: Database, words: str, otherwise: str) -> Found:
    values: dict[str, object] = {"error": words, "path": paths.DATABASE}
    for holder in observed(observation.on_server.one_api).process.holders:
        values |= stop(holder, "")
    values |= {"unit": UNITS.get(state.kind, "")}
    fault = state.obstacle or otherwise
    if fault == "locked" and "stop" not in values:
        fault = otherwise
    return Found(fault, words, values)


def _connections(observation: Observation) -> Finding:
    one_api = observed(observation.on_server.one_api)
    state = observed(one_api.database)
    if not state.limit:
        return Skip(_("SQLite counts no connections"))
    values = excess(state, one_api.environment.get("SQL_MAX_OPEN_CONNS", "1000"))
    return Found("many", f"{values['open']} > {values['allowed']}", values) if values else None


def excess(state: Database, opened: str) -> Mapping[str, object]:
    """What is to be told where One API may open more than there are; empty where it may not."""
    limit, clients = state.limit, state.clients
    allowed = database.allowed(limit, state.reserved, clients)
    if opened.isdigit() and 0 < int(opened) <= allowed:
        return {}
    return {"open": opened, "limit": limit, "clients": clients, "allowed": allowed}


def _cache(observation: Observation) -> Finding:
    cache = observed(observed(observation.on_server.one_api).database).cache
    if cache is None:
        return Skip(_("there is no cache of its own"))
    error = cache.error
    return Found("silent", error, {"error": error}) if error else None


OBSTACLES = {
    "gone": Fault(
        N_("{path} is gone: One API has no database"),
        N_(
            "put the file of your backup there; for a new and empty site, and only for that,"
            " `systemctl restart one-api` and `pyinfra inventory.py deploys/one_api.py`"
        ),
    ),
    "rights": Fault(
        N_("One API may not read and write {path}"),
        N_(
            "`chown -R one-api: /var/lib/one-api`, `chmod -R u+rwX /var/lib/one-api`,"
            " `systemctl start one-api-database`"
        ),
    ),
    "read_only": Fault(
        N_("the file system of {path} is mounted read-only: nothing that is paid is credited"),
        N_("`mount -o remount,rw $(findmnt -no TARGET -T /var/lib/one-api)`; why: `dmesg | tail`"),
    ),
    "locked": Fault(
        N_("{holder} holds a lock on {path}: nothing that is paid can be credited"),
        N_("`{stop}`"),
    ),
    "damaged": Fault(
        N_("{path} is damaged: {error}"),
        N_(
            "`systemctl stop one-api`, keep what is in /var/lib/one-api, and put the file of your"
            " backup there"
        ),
    ),
}

CHECKS = (
    Check(
        "database.reachable",
        Level.APPLICATION,
        N_("The database can be reached from the server"),
        {
            "wrong": Fault(
                N_("the server gets no connection to the database at {host}:{port}"),
                N_("start it, let this server in there, or correct `database_url`"),
            )
        },
    ),
    Check(
        "database.answers",
        Level.APPLICATION,
        N_("One API's database answers"),
        OBSTACLES
        | {
            "lost": Fault(
                N_("{path} was deleted; only the running One API still has it: do not restart it"),
                N_("bring it back: {commands}, then `systemctl restart one-api`"),
            ),
            "replaced": Fault(
                N_("{path} was replaced while One API ran: it still writes to the one before"),
                N_("`systemctl restart one-api` takes the new one; the one before: {commands}"),
            ),
            "stopped": Fault(
                N_("the database on this server does not answer: {error}"),
                N_("`systemctl start {unit}`, then `systemctl start one-api-database`"),
            ),
            "login": Fault(
                N_("the database does not let One API in: {error}"),
                N_(
                    "correct user, password and name in `database_url`, then"
                    " `pyinfra inventory.py deploys/one_api.py`"
                ),
            ),
            "silent": Fault(
                N_("the database does not answer as `database_url` says: {error}"),
                N_(
                    "start it, or correct `database_url`; then `systemctl start one-api-database`"
                    " tells the same from the server"
                ),
            ),
            "unlooked": Fault(
                N_("nobody could look at the database: one-api-database.service left nothing"),
                N_(
                    "`systemctl start one-api-database`, then read `journalctl -u one-api-database`"
                ),
            ),
        },
        _answers,
    ),
    Check(
        "database.takes_writes",
        Level.APPLICATION,
        N_("One API's database takes writes: else what is paid is not credited"),
        OBSTACLES
        | {
            "refused": Fault(
                N_("the database takes no writes: {error}"),
                N_(
                    "give the user of `database_url` the right to write there (a replica that only"
                    " reads is no database for One API); `systemctl start one-api-database`"
                ),
            )
        },
        _writes,
        ("database.answers",),
    ),
    Check(
        "database.connections",
        Level.APPLICATION,
        N_("One API opens no more connections than its database has"),
        {
            "many": Fault(
                N_(
                    "One API may open {open} connections; the database has {limit} for {clients}"
                    " host(s): the rest of the requests fails, with HTTP 401 or 500"
                ),
                N_(
                    'set "database_connections": {allowed}, then'
                    " `pyinfra inventory.py deploys/one_api.py`"
                ),
            )
        },
        _connections,
        ("database.answers",),
    ),
    Check(
        "cache.answers",
        Level.APPLICATION,
        N_("One API's cache (Redis, Valkey) answers: without it every call and callback fails"),
        {
            "silent": Fault(
                N_("the cache does not answer as `redis_url` says: {error}"),
                N_("start it, or remove `redis_url`: one host needs none"),
            )
        },
        _cache,
        ("database.answers",),
    ),
)
# Near the end of the catalogue: a new database is not yet in WAL mode.
JOURNAL = Check(
    "database.journal",
    Level.APPLICATION,
    N_("SQLite writes ahead (WAL): a copy or a long look then holds up no payment"),
    {
        "other": Fault(
            N_("SQLite's journal is in the mode {mode}: who reads for long holds up payments"),
            N_("`pyinfra inventory.py deploys/one_api.py` sets it to WAL"),
            is_warning=True,
        )
    },
    _journal,
    ("database.answers",),
)
