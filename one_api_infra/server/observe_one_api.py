"""What the checks want to know of One API on this server."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from one_api_infra.server import callback_domain, database, one_api, process, serving
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.local import api, edition, run
from one_api_infra.shared import units
from one_api_infra.shared.database import Database
from one_api_infra.shared.editions.api import Api, ApiError
from one_api_infra.shared.server_observation import OneApi, Payment, StoredSettings
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.unobserved import Unobserved

SECONDS = 4.0  # what a look waits for One API; a callback waits no longer
VARIABLES = ("RATE_LIMIT", "BATCH_UPDATE", "SQL_MAX_OPEN_CONNS")
NOT_TOLD = (ApiError, KeyError, TypeError, ValueError)


def observe(site: SiteFile, *, fresh: bool) -> OneApi:
    """One API's unit, process, settings and payment rows, without a secret."""
    kept = database.state(fresh=fresh)
    words = run("systemctl", "show", "--property=ActiveState,MainPID", serving.unit())[1]
    unit = dict(line.split("=", 1) for line in words.splitlines() if "=" in line)
    client = api(site)
    client.timeout = SECONDS
    address, error = _address(client)
    stored = Unobserved(error) if error else _stored_settings(site, client, kept)
    return OneApi(
        is_active=unit.get("ActiveState") in {"active", "reloading"},
        port=serving.port(site),
        process=process.observe(),
        error=error,
        environment=_environment(unit.get("MainPID", "0")),
        # False if it refuses our token.
        is_ours=one_api.is_confirmed() and (bool(error) or isinstance(stored, StoredSettings)),
        server_address=address,
        database=kept,
        stored=stored,
        upgrade=serving.under_way(),
        is_upgrading=run("systemctl", "is-active", units.UPGRADE)[1] in {"active", "activating"},
    )


def _address(client: Api) -> tuple[str | None, str]:
    """What One API goes by, or why it does not say."""
    try:
        return str(client.status()["server_address"]), ""
    except NOT_TOLD as error:
        return None, str(error) or type(error).__name__


def _stored_settings(
    site: SiteFile, client: Api, kept: Database | Unobserved
) -> StoredSettings | Unobserved:
    chosen = edition(site)
    try:
        options = client.options()
        if chosen.payment_rows:
            payments = [_payment(row) for row in client.payments()]
        else:
            payments = _epay(options, has_key=isinstance(kept, Database) and kept.has_epay_key)
        agreed = all(options.get(name) == value for name, value in chosen.compliance.items())
        return StoredSettings(
            places=callback_domain.observe(site, client),
            payments=tuple(payments),
            is_compliant=agreed if chosen.compliance else None,
            canary=_canary(client) if chosen.signs_keys else "",
        )
    except NOT_TOLD as error:
        return Unobserved(str(error) or type(error).__name__)


def _canary(client: Api) -> str:
    """What becomes of our own key: ``opens``, ``dead``, or ``missing``."""
    key = client.canary()
    if key is None:
        return "missing"
    return "opens" if client.opens(key) else "dead"


def _epay(options: Mapping[str, str], *, has_key: bool) -> list[Payment]:
    """New API's one gateway of epay, as a payment row; none where nobody set it up."""
    config = {"pay_domain": options.get("PayAddress"), "partner_id": options.get("EpayId")}
    if not any(config.values()):
        return []
    config["key"] = "is there" if has_key else ""
    return [_payment({"id": 1, "type": "epay", "enable": True, "config": json.dumps(config)})]


def _payment(row: Mapping[str, Any]) -> Payment:
    """A payment row as far as the checks go: of its keys only the names of those that lack."""
    try:
        config = dict(json.loads(row.get("config") or "{}"))
    except (ValueError, TypeError):
        config = {}
    gateway = GATEWAYS.get(str(row["type"]))
    needed = (*gateway.needed, *gateway.verified_by) if gateway else ()
    return Payment(
        id=int(row["id"]),
        type=str(row["type"]),
        is_enabled=bool(row["enable"]),
        missing=tuple(name for name in needed if not str(config.get(name) or "").strip()),
        is_plain=str(config.get("pay_domain") or "").startswith("http://"),
        harms=bool(gateway and gateway.harms(config)),
        app=str(config.get("app_id") or "") if row["type"] == "alipay" else "",
    )


def _environment(pid: str) -> dict[str, str]:
    """Those of the running process' variables that decide about callbacks; no secrets."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace").split("\0")
        pairs = (word.split("=", 1) for word in words if "=" in word)
        return {name: value for name, value in pairs if any(part in name for part in VARIABLES)}
    return {}
