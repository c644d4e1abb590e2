"""``order NUMBER``: what is known of one order, read anew before it is shown."""

import contextlib
import time
from pathlib import Path

from one_api_infra.callbacks import auditor, intake, timeline
from one_api_infra.callbacks.auditor import Auditor
from one_api_infra.callbacks.books.books import Books
from one_api_infra.callbacks.ledger import Ledger
from one_api_infra.callbacks.loopback import Answer
from one_api_infra.callbacks.mend import Mender
from one_api_infra.editions.api import ApiError
from one_api_infra.server import callbacks, paths
from one_api_infra.server.local import CommandError, run, site
from one_api_infra.texts import _

LINES = 20
DAYS = 7


def show(number: str) -> None:
    """Print the order's story; CommandError if nothing at all is known of it."""
    if not Path(paths.LEDGER).exists():
        raise CommandError(
            _("There is no ledger here: the agent is off. Remedy: deploy with `callbacks` on.")
        )
    ledger = Ledger(paths.LEDGER)
    try:
        with contextlib.suppress(ApiError):
            _look(ledger, callbacks.books(site()), number)
        story = list(timeline.lines(ledger, number)) if timeline.is_known(ledger, number) else []
    finally:
        ledger.close()
    if not story:
        raise CommandError(
            _(
                "Nothing is known of order {number}: neither One API nor the callback log has it."
                " Remedy: compare the number with One API's list of orders.",
                number=number,
            )
        )
    print("\n".join([*story, *_said(number)]))


def done(number: str) -> None:
    """Close the cases of an order that the admin has dealt with; they stay closed."""
    ledger = Ledger(paths.LEDGER)
    try:
        count = auditor.done(ledger, number, time.time())
    finally:
        ledger.close()
    print(_("Cases of order {number} closed: {count}", number=number, count=count))


def _look(ledger: Ledger, books: Books, number: str) -> None:
    """Read the log and the order, ask the gateway, and judge; nothing is sent to One API."""
    now = time.time()
    known = intake.accounts(books.accounts())
    intake.read_log(ledger, Path(paths.CALLBACK_LOG), known)
    if order := books.order(number):
        ledger.add_orders([order], now)
        mender = Mender(ledger, books, known, lambda _made: Answer(0, b""), now, acts=False)
        mender.ask([order], outage_ended=now)
    Auditor(ledger, known, now).audit()


def _said(number: str) -> list[str]:
    """One API's own lines about it; keys and signatures stand in none that we show."""
    since = f"--since=-{DAYS}d"
    text = run("journalctl", "--unit=one-api", since, "--no-pager", "--output=short-iso")[1]
    found = [line for line in text.splitlines() if number in line and "sign" not in line]
    return [_("One API's log:"), *found[-LINES:]] if found else []
