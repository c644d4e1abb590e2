"""The agent's commands on the server: a run, one order, the report."""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from one_api_infra.callbacks import agent, summary
from one_api_infra.callbacks.books import Books, OneHubBooks
from one_api_infra.callbacks.ledger import Ledger
from one_api_infra.callbacks.loopback import Loopback
from one_api_infra.editions.api import Api, ApiError
from one_api_infra.server import notify, paths, report
from one_api_infra.server.local import CommandError, Site, edition, site
from one_api_infra.texts import _

LOCK = f"{paths.CALLBACKS}/lock"
TIMEOUT = 10.0


def run() -> None:
    """One run of the agent; a second one at the same time does nothing."""
    current = site()
    os.environ["ONE_API_INFRA_LANGUAGE"] = current["language"]
    with agent.alone(Path(LOCK)) as mine:
        if not mine:
            return
        ledger = Ledger(paths.LEDGER)
        made = agent.Agent(
            ledger,
            books(current),
            Loopback(base(current)),
            Path(paths.CALLBACK_LOG),
            current["reconcile"] == "act",
            current["log_days"],
        )
        try:
            made.run(time.time())
            ledger.note(agent.RAN, time.time())  # a long run is no outage
        except ApiError as error:
            print(_("One API's books could not be read: {error}", error=error), file=sys.stderr)
        now = time.time()
        is_next_day = report.keep(ledger, current, now)
        day = summary.message(ledger, current["domain"], now) if is_next_day else {}
        urls = _credential("alert-urls", paths.ALERT_URLS)
        channels = notify.channels(urls)
        agent.tell(ledger, current["domain"], channels, lambda box: notify.send(box, urls), day)
        ledger.close()


def base(site: Site) -> str:
    """One API on loopback."""
    return f"http://127.0.0.1:{site['one_api_port']}"


def books(site: Site) -> Books:
    """The books of the site's edition; CommandError where they cannot be read."""
    chosen = edition(site)
    if not chosen.payment_rows:
        raise CommandError(
            _("The agent cannot read the orders of {edition}.", edition=chosen.title)
        )
    token = _credential("access-token", paths.ACCESS_TOKEN)
    api = Api(chosen, base(site), token.read_text().strip())
    api.timeout = TIMEOUT
    return OneHubBooks(api)


def _credential(name: str, path: str) -> Path:
    """Where a secret stands: systemd hands it to the unit, root reads it where it is kept."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) / name if folder else Path(path)


def observe(uptime: float) -> Mapping[str, Any] | None:
    """How the agent is: for ``observe``, ``uptime`` is the server's; None where it is off."""
    if not Path(paths.LEDGER).exists():
        return None
    ledger = Ledger(paths.LEDGER, read_only=True)
    try:
        count = "SELECT count(*) FROM cases WHERE closed IS NULL AND class != 'forged'"
        return {
            "ran": float(ledger.note(agent.RAN) or 0),
            "uptime": uptime,
            "cases": ledger.db.execute(count).fetchone()[0],
        }
    finally:
        ledger.close()
