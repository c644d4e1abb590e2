"""What the checks want to know of One API on this server."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from one_api_infra.editions.api import Api, ApiError
from one_api_infra.server import callback_domain, database, one_api
from one_api_infra.server.local import Site, api, edition, run

SECONDS = 4.0  # what a look waits for One API; a callback waits no longer
VARIABLES = ("RATE_LIMIT", "BATCH_UPDATE", "SQL_MAX_OPEN_CONNS")
# What a gateway cannot do without, by its type: the names are one-hub's (payment/gateway/*).
NEEDED = {
    "epay": ("pay_domain", "partner_id", "key"),
    "alipay": ("app_id", "private_key", "public_key"),
    "wxpay": (
        "app_id",
        "mch_id",
        "mch_certificate_serial_number",
        "mch_apiv3_key",
        "mch_private_key",
    ),
    "stripe": ("secret_key",),
}


def observe(site: Site, *, fresh: bool) -> dict[str, Any]:
    """One API's unit, process, settings and payment rows, without a secret."""
    kept = database.state(fresh=fresh)
    words = run("systemctl", "show", "--property=ActiveState,MainPID", "one-api.service")[1]
    unit = dict(line.split("=", 1) for line in words.splitlines() if "=" in line)
    seen: dict[str, Any] = {
        "is_active": unit.get("ActiveState") in {"active", "reloading"},
        "environment": _environment(unit.get("MainPID", "0")),
        "in_database": kept["options"].get("ServerAddress") if kept else None,
        "database": kept,
        "is_ours": one_api.is_confirmed(),
        "error": "",
    }
    client = api(site)
    client.timeout = SECONDS
    try:
        seen["server_address"] = client.status()["server_address"]
    except (ApiError, KeyError, TypeError, ValueError) as error:
        return seen | {"error": str(error) or type(error).__name__}
    try:
        return seen | _told(site, client)
    except (ApiError, KeyError, TypeError, ValueError):
        return seen | {"is_ours": False}  # it answers, but not to our token


def _told(site: Site, client: Api) -> dict[str, Any]:
    chosen = edition(site)
    options = client.options()
    if chosen.payment_rows:
        payments = [_payment(row) for row in client.payments()]
    else:
        payments = _epay(options, has_key=database.state().get("has_epay_key", False))
    agreed = all(options.get(name) == value for name, value in chosen.compliance.items())
    return {
        "places": [asdict(place) for place in callback_domain.observe(site, client)],
        "payments": payments,
        "is_compliant": agreed if chosen.compliance else None,
        "canary": _canary(client) if chosen.signs_keys else "",
    }


def _canary(client: Api) -> str:
    """What becomes of our own key: ``opens``, ``dead``, or ``missing``."""
    key = client.canary()
    if key is None:
        return "missing"
    return "opens" if client.opens(key) else "dead"


def _epay(options: Mapping[str, str], *, has_key: bool) -> list[dict[str, Any]]:
    """New API's one gateway of epay, as a payment row; none where nobody set it up."""
    config = {"pay_domain": options.get("PayAddress"), "partner_id": options.get("EpayId")}
    if not any(config.values()):
        return []
    config["key"] = "is there" if has_key else ""
    return [_payment({"id": 1, "type": "epay", "enable": True, "config": json.dumps(config)})]


def _payment(row: Mapping[str, Any]) -> dict[str, Any]:
    """A payment row as far as the checks go: of its keys only the names of those that lack."""
    try:
        config = dict(json.loads(row.get("config") or "{}"))
    except (ValueError, TypeError):
        config = {}
    needed = NEEDED.get(str(row["type"]), ())
    missing = [name for name in needed if not str(config.get(name) or "").strip()]
    return {
        "id": row["id"],
        "type": row["type"],
        "enable": row["enable"],
        "missing": missing,
        "is_plain": str(config.get("pay_domain") or "").startswith("http://"),
    }


def _environment(pid: str) -> dict[str, str]:
    """Those of the running process' variables that decide about callbacks; no secrets."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace").split("\0")
        pairs = (word.split("=", 1) for word in words if "=" in word)
        return {name: value for name, value in pairs if any(part in name for part in VARIABLES)}
    return {}
