"""Asking many accounts side by side: one that is slow delays no other, and is not waited for."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from one_api_infra.server.callbacks.gateways.gateway import AskError, PaymentStatus, Reply
from one_api_infra.server.callbacks.order import Order

ACCOUNTS = 8  # that are asked at the same time
SECONDS = 60.0  # for an account in a run: replays must not wait
QUESTION = 15.0  # seconds for the whole of one answer, however slowly it comes
NO_ANSWER = "ReadTimeout"

Ask = Callable[[Order], Reply]


class _Event(NamedTuple):
    """An order is asked for (no word yet), or told of, or there are no more (no order)."""

    account: "_Account"
    order: Order | None = None
    reply: Reply | None = None


@dataclass
class _Account:
    """An account that is being asked; ``current`` is the order in question, and since when."""

    orders: Sequence[Order]
    events: queue.Queue[_Event]
    begun: float = field(default_factory=time.monotonic)
    current: Order | None = None
    since: float = 0.0
    is_dropped: bool = False

    def run(self, ask: Ask) -> None:
        """In a thread of its own; it dies with the process, since its gateway may never end."""
        for order in self.orders:
            self.events.put(_Event(self, order))
            reply, goes_on = _answer(ask, order)
            self.events.put(_Event(self, order, reply))
            if not goes_on or self.is_dropped or time.monotonic() - self.begun > SECONDS:
                break
        self.events.put(_Event(self))


def _answer(ask: Ask, order: Order) -> tuple[Reply, bool]:
    try:
        return ask(order), True
    except AskError as error:
        return Reply(PaymentStatus.SILENT, order.number, detail=str(error)), False


def side_by_side(
    due: Mapping[str, Sequence[Order]], ask: Ask, begin: Callable[[Order], None]
) -> Iterator[tuple[Order, Reply]]:
    """What the gateways say, as it comes; ``begin`` is told of each order before it is asked for.

    After the first order without an answer, an account is not asked further.
    """
    events: queue.Queue[_Event] = queue.Queue()
    waiting = [_Account(orders, events) for orders in due.values()]
    asked: list[_Account] = []
    while waiting or asked:
        while waiting and len(asked) < ACCOUNTS:
            asked.append(_started(waiting.pop(0), ask))
        yield from _next(events, asked, begin)
        yield from _out_of_time(asked)


def _started(account: _Account, ask: Ask) -> _Account:
    account.begun = account.since = time.monotonic()
    threading.Thread(target=account.run, args=(ask,), daemon=True).start()
    return account


def _next(
    events: queue.Queue[_Event], asked: list[_Account], begin: Callable[[Order], None]
) -> Iterator[tuple[Order, Reply]]:
    """What one event tells, if there is one."""
    try:
        account, order, reply = events.get(timeout=0.2)
    except queue.Empty:
        return
    if account.is_dropped:
        return
    if order is None:
        asked.remove(account)
    elif reply is None:
        begin(order)
        account.current, account.since = order, time.monotonic()
    else:
        account.current = None
        yield order, reply


def _out_of_time(asked: list[_Account]) -> Iterator[tuple[Order, Reply]]:
    for account in list(asked):
        if account.current and time.monotonic() - account.since > QUESTION:
            account.is_dropped = True
            asked.remove(account)
            yield (
                account.current,
                Reply(PaymentStatus.SILENT, account.current.number, detail=NO_ANSWER),
            )
