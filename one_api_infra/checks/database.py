"""Level 6, below One API: its database and its cache, as One API's own user sees them."""

from collections.abc import Mapping

from one_api_infra import database
from one_api_infra.checks.observation import Observation
from one_api_infra.checks.server import Database, Unseen, told
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.texts import N_, _

AGE = 900.0  # seconds after which what was seen is no longer a look


def _answers(seen: Observation) -> Finding:
    state = told(seen.told.one_api).database
    if isinstance(state, Unseen):
        return Found("unlooked", state.unseen)
    if seen.told.now - state.at > AGE:
        return Found("unlooked", "one-api-database.service")
    return Found("silent", state.error, {"error": state.error}) if state.error else None


def _connections(seen: Observation) -> Finding:
    one_api = told(seen.told.one_api)
    state = told(one_api.database)
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


def _cache(seen: Observation) -> Finding:
    cache = told(told(seen.told.one_api).database).cache
    if cache is None:
        return Skip(_("there is no cache of its own"))
    error = cache.error
    return Found("silent", error, {"error": error}) if error else None


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
        {
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
