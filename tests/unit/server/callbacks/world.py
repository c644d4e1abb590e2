"""A world in one process: One API with its hazards, epay with its faults, nginx' log, a clock.

No part of the service is replaced: it reads a log file, keeps its ledger, and calls what stands
behind the same interfaces as on a server.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from urllib.parse import parse_qsl, urlsplit

from one_api_infra.server.callbacks import auditor
from one_api_infra.server.callbacks.cases import Case
from one_api_infra.server.callbacks.gateways import epay
from one_api_infra.server.callbacks.gateways.epay import Epay
from one_api_infra.server.callbacks.gateways.gateway import (
    Account,
    AskError,
    CallbackRequest,
    PaymentStatus,
    Reply,
)
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.loopback import Answer
from one_api_infra.server.callbacks.order import (
    DOLLARS,
    Correction,
    Credit,
    Order,
    QuotaDisplay,
    Status,
)
from one_api_infra.server.callbacks.worker import Worker
from one_api_infra.shared.editions import one_hub
from one_api_infra.shared.editions.api import ApiError
from one_api_infra.shared.editions.edition import Edition
from tests.unit.server.callbacks.lines import ACCOUNT, callback_request, line

QUOTA = 500
MONEY = Decimal("73.00")
START = 1_700_000_000.0


class KilledError(BaseException):
    """The callback service was killed."""


@dataclass
class World:
    """The world; ``chance`` draws every fault."""

    folder: Path
    chance: Random
    now: float = START
    is_up: bool = True
    loses_writes: float = 0.0  # how often One API says success and does nothing
    kills: float = 0.0  # how often the callback service dies at a step
    orders_made: dict[str, Order] = field(default_factory=dict)
    credited: list[Credit] = field(default_factory=list)
    paid: dict[str, Reply] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    can_complete: bool = False
    is_blind: bool = False
    edition: Edition = one_hub.EDITION
    display: QuotaDisplay = DOLLARS
    is_writable: bool = True  # its database
    is_enabled: bool = True  # the payment row
    has_row: bool = True
    account: Account = ACCOUNT  # as the row's settings are
    corrected: list[Correction] = field(default_factory=list)
    balance: Counter[int] = field(default_factory=Counter)

    # One API's orders.

    def accounts(self) -> Sequence[Account]:
        self._step()
        account = replace(self.account, is_enabled=self.is_enabled, title="3 epay")
        return [account] if self.has_row else []

    def is_gone(self, row: str) -> bool:
        return not self.has_row

    def credits_of(self, number: str) -> Sequence[Credit]:  # its log names no order
        return ()

    def corrections(self, since: float) -> Iterator[Correction]:
        self._step()
        yield from (each for each in self.corrected if each.at >= int(since))

    def close_overdue(self) -> None:
        """What One Hub does whenever somebody orders."""
        for each in list(self.orders_made.values()):
            if each.status is Status.PENDING and each.created < self.now - 3 * 3600:
                self.orders_made[each.number] = replace(each, status=Status.CLOSED)

    def orders(self, since: float) -> Iterator[Order]:
        self._step()
        yield from (
            each
            for each in self.orders_made.values()
            if each.created >= since or each.status is Status.PENDING
        )

    def order(self, number: str) -> Order | None:
        self._step()
        return self.orders_made.get(number)

    def credits(self, since: float) -> Iterator[Credit]:
        self._step()
        yield from (each for each in self.credited if each.at >= since)

    def complete(self, number: str) -> str:
        """One API's own completion, as New API has it."""
        order = self.orders_made[number]
        if order.status is Status.PENDING:
            self._credit(order)
        self.sent.append(number)
        return "completed"

    def send(self, made: CallbackRequest) -> Answer:
        """One API on loopback."""
        self.sent.append(dict(parse_qsl(urlsplit(made.uri).query))["out_trade_no"])
        self._kill()
        status, answer = self.receive(made.uri, made.method)
        self._kill()
        return Answer(status, answer)

    def _step(self) -> None:
        self._kill()
        if not self.is_up:
            raise ApiError("down")

    def _kill(self) -> None:
        if self.chance.random() < self.kills:
            raise KilledError

    # One API, as gateways see it.

    def receive(self, uri: str, method: str = "GET") -> tuple[int, bytes]:
        """What One API does with a callback, and answers."""
        if not self.is_up:
            return 502, b"<html>"
        if not (self.is_enabled and self.has_row):
            return 200, b'{"success":false,"message":"payment not found"}'
        if method not in self.edition.epay_methods:
            return 200, b"fail"
        found = dict(parse_qsl(urlsplit(uri).query))
        if found.get("sign") != epay.sign(found, self.account.reveal("key")):
            return 200, b"fail"
        order = self.orders_made.get(found["out_trade_no"])
        lost = self.chance.random() < self.loses_writes or not self.is_writable
        if order and order.status is Status.PENDING and not lost:
            self._credit(order)
        return 200, b"success"

    def _credit(self, order: Order) -> None:
        self.orders_made[order.number] = replace(order, status=Status.SUCCESS)
        credit = Credit(len(self.credited) + 1, order.user, order.quota, float(int(self.now)))
        self.credited.append(credit)
        self.balance[order.user] += order.quota

    def change_quota(self, user: int, quota: int, remark: str = "") -> None:
        """An administrator adds quota by hand, or takes it."""
        self.balance[user] += quota
        made = Correction(len(self.corrected) + 1, user, quota, float(int(self.now)), remark)
        self.corrected.append(made)

    def create(self, number: str, user: int = 1) -> None:
        """Somebody orders; One Hub closes orders of more than three hours then."""
        if self.edition is one_hub.EDITION:
            self.close_overdue()
        order = Order(number, user, ACCOUNT.row, MONEY, "CNY", QUOTA, Status.PENDING, self.now)
        self.orders_made[number] = order

    def pay(self, number: str) -> None:
        """Somebody pays at the gateway."""
        self.paid[number] = Reply(
            PaymentStatus.PAID, number, f"G{number}", MONEY, "CNY", "1001", "status=1"
        )

    def call(self, uri: str) -> None:
        """The gateway calls, over nginx."""
        status, answer = self.receive(uri)
        with (self.folder / "callbacks.log").open("ab") as log:
            log.write(line(uri, at=self.now, status=status, answer=answer))

    def notify(self, number: str) -> None:
        """The gateway's own call for a paid order."""
        self.call(callback_request(number))

    # The callback service.

    def run(self) -> None:
        """One run of the callback service, or what was done of it before it was killed."""
        ledger = Ledger(self.folder / "ledger.db")
        try:
            log = self.folder / "callbacks.log"
            restored = log.with_name("journal.restored")
            back = log.with_name("rewind.json")
            made = Worker(ledger, self, self.send, log, True, 180, restored, rewound=back)
            made.run(self.now)
        except (KilledError, ApiError):
            pass
        finally:
            ledger.close()

    def done(self, number: str) -> None:
        """``order NUMBER --done``, which looks before it closes."""
        self.run()
        ledger = Ledger(self.folder / "ledger.db")
        auditor.done(ledger, number, self.now)
        ledger.close()

    def may_send(self, number: str) -> None:
        """``order NUMBER --send``."""
        ledger = Ledger(self.folder / "ledger.db")
        auditor.send(ledger, number, self.now)
        ledger.close()

    def told(self) -> list[Case]:
        """Open cases as people are told them."""
        ledger = Ledger(self.folder / "ledger.db")
        found = auditor.opened(ledger)
        ledger.close()
        return found

    def cases(self) -> dict[str, str]:
        """Open cases."""
        ledger = Ledger(self.folder / "ledger.db")
        rows = ledger.db.execute("SELECT number, class FROM cases WHERE closed IS NULL").fetchall()
        ledger.close()
        return {row["number"]: row["class"] for row in rows}


@dataclass
class FaultyEpay(Epay):
    """epay that answers from the world, or does not."""

    world: World
    silence: float = 0.0

    def ask(self, account: Account, number: str, created: float) -> Reply:
        if self.world.chance.random() < self.silence:
            raise AskError("ReadTimeout")
        return self.world.paid.get(number, Reply(PaymentStatus.WAITING, number))

    def listed(self, account: Account, since: float) -> Iterator[Reply]:
        if self.world.chance.random() < self.silence:
            raise AskError("ReadTimeout")
        yield from reversed(list(self.world.paid.values()))
