"""A sound observation, and ways to change it."""

from dataclasses import replace
from typing import Any

from one_api_infra.checks import catalogue, target
from one_api_infra.checks.observation import Asked, Exchange, Handshake, Observation, Port
from one_api_infra.checks.verdict import State, Verdict
from tests.unit.examples import NOW, site

DOMAIN = "pay.site-example.com"
HERE = "93.184.215.14"
DAY = 86400
SITE = site()
TARGET = target.of_settings(SITE.public(), (HERE,))
SHAKE = Handshake(
    DOMAIN,
    HERE,
    names=(DOMAIN,),
    not_before=NOW - 10 * DAY,
    not_after=NOW + 80 * DAY,
    serial="aa",
    issuer="CN=R10",
    chain_length=2,
    protocols=("TLSv1.2", "TLSv1.3"),
)
REFUSAL = {"x-oneapi-request-id": "1", "content-type": "application/json"}
DISK = {
    "name": DOMAIN,
    "certificate_file": TARGET.certificate_file,
    "key_file": "/x/privkey.pem",
    "serial": "aa",
    "key_matches": True,
}
SERVER: dict[str, Any] = {
    "now": NOW,
    "clock_is_kept": True,
    "disk": {"/": 9000.0},
    "disk_size": {"/": 20_000.0},
    "minutes_to_full": {"/": 9e6},
    "published": [],
    "memory_available": 50.0,
    "holders": {"80": "nginx", "443": "nginx"},
    "failed_units": [],
    "firewall": True,
    "port_guard": True,
    "nginx": {"is_loaded": True},
    "callback_log": {"path": "/var/log/x", "probes": ["{}"]},
    "acme_account": "https://ca/acct/1",
    "renewal_unit": {
        "is_active": True,
        "is_enabled": True,
        "result": "success",
        "ran": NOW - 3600,
        "uptime": 9e6,
        "hook": {"ok": True, "message": "", "can_run": True},
    },
    "callbacks": {"is_active": True, "ran": NOW - 30, "uptime": 9e6, "cases": 0,
                  "is_blind": False, "strangers": 0.0, "is_behind": False},
    "monitor": {"is_active": True, "ran": NOW - 60, "uptime": 9e6, "channels": 1,
                "undelivered": []},
    "one_api": {
        "is_active": True,
        "error": "",
        "is_ours": True,
        "environment": {"GLOBAL_API_RATE_LIMIT": "3000", "GLOBAL_WEB_RATE_LIMIT": "3000",
                        "BATCH_UPDATE_ENABLED": "false", "SQL_MAX_OPEN_CONNS": "50"},
        "in_database": f"https://{DOMAIN}",
        "database": {"at": NOW - 30, "kind": "postgresql", "error": "", "limit": 100,
                     "reserved": 3, "clients": 1, "cache": {"error": ""}},
        "canary": "opens",
        "is_compliant": True,
        "server_address": f"https://{DOMAIN}",
        "places": [],
        "payments": [{"id": 1, "type": "epay", "enable": True, "missing": []}],
    },
    "certificates": [DISK],
}  # fmt: skip
SOUND = Observation(
    TARGET,
    NOW,
    asked=(
        Asked(DOMAIN, "own", "resolv.conf", (HERE,)),
        Asked(DOMAIN, "public", "223.5.5.5", (HERE,)),
        Asked(DOMAIN, "authoritative", "192.0.9.1", (HERE,)),
    ),
    ports=(Port(HERE, 443, "open"), Port(HERE, 80, "open"), Port(HERE, 3000, "filtered")),
    handshakes=(SHAKE,),
    callbacks=tuple(
        Exchange(method, f"{scheme}://{DOMAIN}/api/payment/notify/x", 200, REFUSAL, "{}")
        for method in ("GET", "POST")
        for scheme in ("https", "http")
    ),
    status=Exchange(
        "GET",
        f"https://{DOMAIN}/api/status",
        200,
        REFUSAL,
        f'{{"success": true, "data": {{"server_address": "https://{DOMAIN}"}}}}',
    ),
    server=SERVER,
)


def server(**changed: Any) -> Observation:
    """The server told otherwise; a mapping is merged."""
    merged = {
        key: {**SERVER[key], **value} if isinstance(value, dict) else value
        for key, value in changed.items()
    }
    return replace(SOUND, server={**SERVER, **merged})


def wrong(seen: Observation) -> list[str]:
    """The ids of what is not well, in order."""
    bad = {State.FAILED, State.WARNING}
    return [verdict.id for verdict in catalogue.judge(seen) if verdict.state in bad]


def verdict(seen: Observation, identity: str) -> Verdict:
    """One verdict."""
    return next(each for each in catalogue.judge(seen) if each.id == identity)
