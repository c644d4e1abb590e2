"""The day's summary, through the same channels as alerts."""

from collections import Counter

from one_api_infra.server.callbacks import auditor, figures
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.shared.texts import _

DAY = 86400.0


def message(ledger: Ledger, domain: str, now: float) -> dict[str, str]:
    """Title and body; empty after a day on which nothing was paid and nothing is open."""
    paid = figures.payments(ledger, now - DAY)
    ways = Counter(each.way for each in paid)
    opened = len(auditor.opened(ledger))
    if not (paid or opened):
        return {}
    values = {"count": len(paid), "replay": ways["replay"], "reconcile": ways["reconcile"]}
    body = _(
        "Credited: {count}; of these {replay} by replay, {reconcile} by asking the gateway.\n"
        "Open cases: {opened}.",
        opened=opened,
        **values,
    )
    return {"title": _("{domain}: payments of the last day", domain=domain), "body": body}
