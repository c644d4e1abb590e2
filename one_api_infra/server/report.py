"""``report``: the page about payments, on demand; the callback service leaves one a day."""

import contextlib
import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from one_api_infra.checks import remedy
from one_api_infra.server.callbacks import figures, report
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.local import CommandError, read_of, site, write
from one_api_infra.shared import paths
from one_api_infra.shared.clock import zone
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.texts import _

KEPT = 30  # pages


def show() -> None:
    """Print the page."""
    if not Path(paths.LEDGER).is_file():
        raise CommandError(
            _(
                "There is no ledger here: the callback service is off. Remedy: deploy with"
                " `callbacks` on."
            )
        )
    ledger = Ledger(paths.LEDGER, read_only=True)
    try:
        print(_page(ledger, site(), time.time()))
    finally:
        ledger.close()


def keep(ledger: Ledger, site: SiteFile, now: float) -> bool:
    """Leave today's page if there is none yet; whether a day has passed since the one before."""
    folder = Path(paths.REPORTS)
    today = folder / f"{figures.midnight(now, zone(site.time_zone)):%Y-%m-%d}.html"
    if today.exists():
        return False
    folder.mkdir(exist_ok=True)
    is_first = not any(folder.glob("*.html"))
    write(today, _page(ledger, site, now), 0o640)
    for old in sorted(folder.glob("*.html"))[:-KEPT]:
        old.unlink()
    return not is_first


def _page(ledger: Ledger, site: SiteFile, now: float) -> str:
    made = report.page(ledger, site.domain, now, _certificate_ends(), site.time_zone)
    return remedy.named(made, site.inventory)


def _certificate_ends() -> float | None:
    """When the certificate that is served ends, as the monitor saw it."""
    with contextlib.suppress(OSError, ValueError):
        for family in text_string_to_metric_families(read_of("", paths.METRICS)):
            if family.name == "one_api_certificate_not_after_seconds" and family.samples:
                return float(min(sample.value for sample in family.samples))
    return None
