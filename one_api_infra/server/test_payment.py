"""``test-payment``: an order at each payment row, watched until it is credited; JSON lines."""

import contextlib
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from one_api_infra.server import callback_service
from one_api_infra.server.callbacks import intake, log, payer, payment_steps, tests
from one_api_infra.server.callbacks.checkouts import TILLS
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.gateways.gateway import (
    Account,
    AskError,
    PaymentStatus,
    Reply,
)
from one_api_infra.server.callbacks.intake import Accounts, Judged
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.order import Status
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource
from one_api_infra.server.callbacks.payment_steps import Seen, Wanted
from one_api_infra.server.local import CommandError, edition, site
from one_api_infra.shared import foreign, paths
from one_api_infra.shared.editions.api import Api, ApiError
from one_api_infra.shared.server_observation import Tested
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.test_payment import TestPayment
from one_api_infra.shared.texts import _

USER_FILE = Path(f"{paths.CALLBACKS}/payment-user")
ACT = "SELECT 1 FROM acts WHERE number = ?"
PAUSE, ASK_SECONDS = 1.0, 4.0


@dataclass
class Watched:
    """One row's payment, and the question to its gateway that is on its way."""

    account: Account
    wanted: Wanted
    began: float
    seen: Seen = field(default_factory=Seen)
    told: TestPayment | None = None
    question: Future[Reply] | None = None
    asked: float = 0.0

    @property
    def number(self) -> str:
        """The order's; empty where there is none."""
        return self.seen.checkout.number if self.seen.checkout else ""


def run(minutes: str, row: str = "") -> None:
    """Test the enabled rows, or one by its uuid or name. CommandError if there is none."""
    current = site()
    os.environ.update(callback_service.trust(current))
    source, root = callback_service.source(current), callback_service.api(current)
    kinds = TILLS[edition(current).order_source].KINDS
    accounts = [
        each for each in source.accounts()
        if each.is_enabled and _is_meant(each, row) and (not kinds or each.gateway in kinds)
    ]  # fmt: skip
    if not accounts:
        raise CommandError(_no_row(source, row))
    place = log.end(Path(paths.CALLBACK_LOG))
    user = payer.payer(root, TILLS[edition(current).order_source], USER_FILE)
    before = payer.quota(user)
    watched = [_ordered(current, each, root, user, source) for each in accounts]
    with (
        contextlib.closing(Ledger(paths.LEDGER)) as ledger,
        ThreadPoolExecutor(len(watched)) as pool,
    ):
        while _tell(watched, 60 * float(minutes)):
            time.sleep(PAUSE)
            place = _read(place, watched, intake.accounts(accounts))
            with contextlib.suppress(ApiError):  # it is restarted, say: the next look may tell
                _look(watched, source, ledger, payer.quota(user) - before)
            for each in watched:
                _ask(each, pool)
        _keep(watched, ledger)


def _is_meant(account: Account, row: str) -> bool:
    return not row or row in {account.row, account.title, account.title.partition(" ")[2]}


def _no_row(source: OrderSource, row: str) -> str:
    if source.is_blind:
        return _("the gateway's key cannot be read: `journalctl -u one-api-database`")
    if row and not any(_is_meant(each, row) for each in source.accounts()):
        return _("no payment row that is on is called {row}", row=row)
    if any(each.is_enabled for each in source.accounts()):
        return _("New API is tested by epay alone: try another gateway in its own page")
    return _("no payment row is on; One API's payment settings make one")


def _ordered(
    current: SiteFile, account: Account, root: Api, user: Api, source: OrderSource
) -> Watched:
    wanted = Wanted(f"{current.callback_origin}{account.path}", current.origin)
    made = Watched(account, wanted, time.time())
    try:
        checkout = TILLS[root.edition.order_source].order(root, user, account)
        order = source.order(checkout.number)
        made.seen = replace(made.seen, checkout=checkout, order=order)
    except ApiError as error:
        made.seen = replace(made.seen, refusal=foreign.line(str(error)))
    return made


def _read(place: log.Place, watched: Sequence[Watched], known: Accounts) -> log.Place:
    """Put in which callbacks have come; a genuine one is not displaced by another."""
    by_number = {each.number: each for each in watched if each.number}
    for lines, after in log.batches(Path(paths.CALLBACK_LOG), place):
        for found in filter(None, (_judged(line, known) for line in lines)):
            each = by_number.get(found.claim.number)
            if each and (found.claim.is_genuine or not _is_genuine(each.seen)):
                each.seen = replace(each.seen, callback=found)
        place = after
    return place


def _judged(line: bytes, known: Accounts) -> Judged | None:
    try:
        return intake.judged(line, known)
    except Exception:  # a line that nobody foresaw
        return None


def _is_genuine(seen: Seen) -> bool:
    return bool(seen.callback and seen.callback.claim.is_genuine)


def _look(watched: Sequence[Watched], source: OrderSource, ledger: Ledger, grown: int) -> None:
    """Put in what One API says of the orders, and of its user's quota."""
    for each in filter(lambda one: one.number, watched):
        is_mended = bool(ledger.db.execute(ACT, (each.number,)).fetchone())
        order = source.order(each.number)
        each.seen = replace(each.seen, order=order, is_mended=is_mended)
    orders = [each.seen.order for each in watched if each.seen.order]
    expected = sum(each.quota for each in orders if each.status is Status.SUCCESS)
    for each in watched:
        each.seen = replace(each.seen, grown=grown, expected=expected)


def _ask(each: Watched, pool: ThreadPoolExecutor) -> None:
    """Ask the gateway, one question at a time, until it says that it is paid."""
    if each.question and each.question.done():
        each.seen, each.question = _answered(each.seen, each.question), None
    is_due = time.time() - each.asked > ASK_SECONDS and not each.seen.paid_at
    if each.number and is_due and not each.question and not (each.told and each.told.is_over):
        each.asked = time.time()
        gateway = GATEWAYS[each.account.gateway]
        each.question = pool.submit(gateway.ask, each.account, each.number, each.began)


def _answered(seen: Seen, question: Future[Reply]) -> Seen:
    try:
        reply = question.result()
    except AskError as error:
        return replace(seen, silence=foreign.line(str(error)))
    except Exception as error:  # libraries and hostile answers
        return replace(seen, silence=type(error).__name__)
    number = seen.checkout.number if seen.checkout else ""
    is_paid = reply.status is PaymentStatus.PAID and reply.number == number
    return replace(seen, reply=reply, silence="", paid_at=time.time() if is_paid else 0.0)


def _tell(watched: Sequence[Watched], most: float) -> bool:
    """Print how far each has come, where that is new; whether one is not over."""
    for each in watched:
        if not (each.told and each.told.is_over):
            _tell_of(each, most)
    return not all(each.told and each.told.is_over for each in watched)


def _tell_of(each: Watched, most: float) -> None:
    now, found = time.time(), payment_steps.steps(each.seen, each.wanted)
    since_paid = payment_steps.since_paid(each.seen, now)
    is_over = payment_steps.ended(found, now - each.began, most, since_paid)
    if is_over:
        found = payment_steps.closed(found)
    checkout, order, account = each.seen.checkout, each.seen.order, each.account
    made = TestPayment(
        row=account.row,
        title=foreign.line(account.title or account.row),
        gateway=account.gateway,
        number=foreign.line(each.number),
        money="" if order is None else order.money_text,
        currency="" if order is None else foreign.line(order.currency),
        link="" if checkout is None else foreign.line(checkout.link, len(checkout.link)),
        is_code=bool(checkout and checkout.is_code),
        steps=found,
        is_over=is_over,
    )
    if made != each.told:
        print(json.dumps(asdict(made), ensure_ascii=False), flush=True)
    each.told = made


def _keep(watched: Sequence[Watched], ledger: Ledger) -> None:
    """Note what came of each row, but where nobody has paid: that says nothing of the site."""
    told = [each.told for each in watched if each.told and each.told.failed != "paid"]
    new = {each.row: Tested(each.title, time.time(), each.failed) for each in told}
    tests.keep(ledger, new)
