"""A world in one process: One API with its hazards, epay with its faults, nginx' log, a clock.

No part of the agent is replaced: it reads a log file, keeps its ledger, and calls what stands
behind the same interfaces as on a server.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from urllib.parse import parse_qsl, urlsplit

from one_api_infra.callbacks.agent import Agent
from one_api_infra.callbacks.gateways import epay
from one_api_infra.callbacks.gateways.epay import Epay
from one_api_infra.callbacks.gateways.gateway import (
    Account,
    AskError,
    Notification,
    Said,
    Word,
)
from one_api_infra.callbacks.ledger import Ledger
from one_api_infra.callbacks.loopback import Answer
from one_api_infra.callbacks.order import Credit, Order, Status
from one_api_infra.editions.api import ApiError
from tests.unit.callbacks.lines import ACCOUNT, KEY, line, notification

QUOTA = 500
MONEY = Decimal("73.00")
START = 1_700_000_000.0


class KilledError(BaseException):
    """The agent was killed."""


@dataclass
class World:
    """The world; ``chance`` draws every fault."""

    folder: Path
    chance: Random
    now: float = START
    is_up: bool = True
    loses_writes: float = 0.0  # how often One API says success and does nothing
    kills: float = 0.0  # how often the agent dies at a step
    orders_made: dict[str, Order] = field(default_factory=dict)
    credited: list[Credit] = field(default_factory=list)
    paid: dict[str, Word] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    can_complete: bool = False

    # One API's books.

    def accounts(self) -> Sequence[Account]:
        self._step()
        return [ACCOUNT]

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
            self.orders_made[number] = replace(order, status=Status.SUCCESS)
            self.credited.append(Credit(len(self.credited) + 1, order.user, QUOTA, self.now))
        self.sent.append(number)
        return "completed"

    def send(self, made: Notification) -> Answer:
        """One API on loopback."""
        self.sent.append(dict(parse_qsl(urlsplit(made.uri).query))["out_trade_no"])
        self._kill()
        status, answer = self.receive(made.uri)
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

    def receive(self, uri: str) -> tuple[int, bytes]:
        """What One API does with a callback, and answers."""
        if not self.is_up:
            return 502, b"<html>"
        found = dict(parse_qsl(urlsplit(uri).query))
        if found.get("sign") != epay.sign(found, KEY):
            return 200, b"fail"
        order = self.orders_made.get(found["out_trade_no"])
        lost = self.chance.random() < self.loses_writes
        if order and order.status is Status.PENDING and not lost:
            self.orders_made[order.number] = replace(order, status=Status.SUCCESS)
            self.credited.append(Credit(len(self.credited) + 1, order.user, QUOTA, self.now))
        return 200, b"success"

    def create(self, number: str) -> None:
        """Somebody orders; orders of more than three hours are closed."""
        for each in list(self.orders_made.values()):
            if each.status is Status.PENDING and each.created < self.now - 3 * 3600:
                self.orders_made[each.number] = replace(each, status=Status.CLOSED)
        order = Order(number, 1, ACCOUNT.row, MONEY, "CNY", QUOTA, Status.PENDING, self.now)
        self.orders_made[number] = order

    def pay(self, number: str) -> None:
        """Somebody pays at the gateway."""
        self.paid[number] = Word(Said.PAID, number, f"G{number}", MONEY, "CNY", "1001", "status=1")

    def call(self, uri: str) -> None:
        """The gateway calls, over nginx."""
        status, answer = self.receive(uri)
        with (self.folder / "callbacks.log").open("ab") as log:
            log.write(line(uri, at=self.now, status=status, answer=answer))

    def notify(self, number: str) -> None:
        """The gateway's own call for a paid order."""
        self.call(notification(number))

    # The agent.

    def run(self) -> None:
        """One run of the agent, or what was done of it before it was killed."""
        ledger = Ledger(self.folder / "ledger.db")
        try:
            log = self.folder / "callbacks.log"
            Agent(ledger, self, self.send, log, acts=True, keep_days=180).run(self.now)
        except (KilledError, ApiError):
            pass
        finally:
            ledger.close()

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

    def ask(self, account: Account, number: str, created: float) -> Word:
        if self.world.chance.random() < self.silence:
            raise AskError("ReadTimeout")
        return self.world.paid.get(number, Word(Said.WAITING, number))
