"""Nothing that a stranger or a gateway says stops the service, credits, or alarms in vain."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from one_api_infra.server.callbacks import auditor, log
from one_api_infra.server.callbacks.gateways.gateway import Account, PaymentStatus, Reply
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.order import Status
from tests.unit.server.callbacks.lines import PATH, callback_request, line
from tests.unit.server.callbacks.test_worker import make, pass_time
from tests.unit.server.callbacks.world import MONEY, QUOTA, FaultyEpay, World

__all__ = ["make"]  # the fixture
HOUR = 3600.0
STRIPE = json.dumps(
    {
        "type": "checkout.session.completed",
        "data": {"object": {"client_reference_id": "\ud800", "amount_total": "1E+9999999"}},
    }
).encode()
POISON = [
    line(PATH).replace(PATH.encode(), b"/api/payment/notify/\xff?out_trade_no=1"),
    line("//[/../api/payment/notify/x?out_trade_no=1"),
    line(f"{PATH}?out_trade_no=%ff%fe&x=1").replace(b"x=1", b"\xff=\xfe"),
    line(PATH, STRIPE, **{"stripe-signature": "t=\udcff,v1=1"}),
    line(PATH, b"{" * 60000, **{"wechatpay-signature": "\ud800"}),
    b"\xff\xfe{}\n",
    b"[" * 100000 + b"\n",
]


def write(world: World, *lines: bytes) -> None:
    with (world.folder / "callbacks.log").open("ab") as stream:
        stream.writelines(lines)


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
def test_no_line_stops_the_agent(make: Callable[..., World], poison: bytes) -> None:
    world = make()
    write(world, poison)
    world.create("1")
    world.is_up = False
    world.notify("1")
    world.is_up = True
    pass_time(world, 60)
    assert len(world.credited) == 1


@pytest.mark.parametrize("number", ["2", ""])
def test_answer_about_another_order_credits_nothing(
    make: Callable[..., World], number: str
) -> None:
    world = make()
    world.create("1")
    world.paid["1"] = Reply(PaymentStatus.PAID, number, "G2", MONEY, "", "1001")
    pass_time(world, 600)
    assert (world.credited, world.sent, world.cases()) == ([], [], {})


@pytest.mark.parametrize("status", PaymentStatus)
def test_no_word_of_a_gateway_stops_the_agent(
    make: Callable[..., World], status: PaymentStatus
) -> None:
    world = make()
    for number in "12":
        world.create(number)
    poison = "\ud800" + "x" * 100_000
    world.paid["1"] = Reply(status, "1", poison, MONEY, poison, poison, poison)
    world.pay("2")
    pass_time(world, 600)
    assert [each.quota for each in world.credited] == [QUOTA]
    assert world.orders_made["2"].status is Status.SUCCESS


def test_gateway_that_breaks_the_library_breaks_nothing_else(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make()
    world.create("1")
    world.pay("1")

    def ask(_self: FaultyEpay, _account: Account, _number: str, _created: float) -> Reply:
        raise RecursionError

    with monkeypatch.context() as patched:
        patched.setattr(FaultyEpay, "ask", ask)
        pass_time(world, 100)
    pass_time(world, 100)
    assert len(world.credited) == 1


def test_late_callback_of_a_closed_order_is_a_case(make: Callable[..., World]) -> None:
    world = make()
    world.create("1")
    world.run()
    world.orders_made["1"] = replace(world.orders_made["1"], status=Status.CLOSED)
    world.run()
    world.now += 28 * HOUR
    world.notify("1")
    pass_time(world, 40)
    assert world.cases() == {"1": "paid_closed"}


def test_missing_credit_stays_a_case_until_somebody_says_done(
    make: Callable[..., World], tmp_path: Path
) -> None:
    world = make()
    world.create("1")
    world.notify("1")
    world.credited.clear()
    pass_time(world, 100)
    assert world.cases() == {"1": "success_uncredited"}
    for _day in range(3):
        world.now += 27 * HOUR
        world.run()
    assert world.cases() == {"1": "success_uncredited"}
    ledger = Ledger(tmp_path / "ledger.db")
    assert auditor.done(ledger, "1", world.now) == 1
    ledger.close()
    pass_time(world, 40)
    assert world.cases() == {}


def test_payment_after_the_question_is_no_credit_without_payment(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is asked for, then paid; its callback comes before the orders are read again."""
    world = make()
    world.create("1")
    world.now += 70
    ask = FaultyEpay.ask

    def asked(self: FaultyEpay, account: Account, number: str, created: float) -> Reply:
        reply = ask(self, account, number, created)
        world.pay("1")
        world.receive(callback_request("1"))  # not in the log yet
        return reply

    with monkeypatch.context() as patched:
        patched.setattr(FaultyEpay, "ask", asked)
        world.run()
    assert world.cases() == {}
    pass_time(world, 2 * HOUR, 60)
    assert world.cases() == {}


def test_credit_between_two_questions_is_nobodys_second(make: Callable[..., World]) -> None:
    world = make()
    for number in ("1", "2"):
        world.create(number)
        world.now += 10
    world.notify("1")
    pass_time(world, 100)
    orders = World.orders

    def late(self: World, since: float) -> object:
        found = list(orders(self, since))
        if len(self.credited) == 1:
            self.notify("2")
        return iter(found)

    World.orders = late  # type: ignore[assignment,method-assign]
    try:
        world.run()
    finally:
        World.orders = orders  # type: ignore[method-assign]
    assert world.cases() == {}


def test_edge_of_the_window_doubles_nobody(make: Callable[..., World]) -> None:
    world = make()
    world.create("1")
    world.now += HOUR
    world.create("2")
    world.run()
    for number in ("1", "2"):
        world.now += 60
        world.notify(number)
    for _hour in range(40):
        world.now += HOUR
        world.run()
        assert world.cases() == {}


def test_thousands_of_closed_orders_are_looked_up_bit_by_bit(make: Callable[..., World]) -> None:
    world = make()
    for number in range(500):
        world.create(str(number))
    world.run()
    for order in list(world.orders_made.values()):
        world.orders_made[order.number] = replace(order, status=Status.CLOSED)
    asked: list[str] = []
    order_of = World.order
    World.order = lambda self, number: asked.append(number) or order_of(self, number)  # type: ignore[func-returns-value,method-assign]
    try:
        world.run()
    finally:
        World.order = order_of  # type: ignore[method-assign]
    assert len(asked) <= 2 * 200


def test_a_fen_less_is_the_same_payment(make: Callable[..., World]) -> None:
    world = make()
    world.create("1")
    world.notify("1")
    world.create("2")
    world.call(callback_request("2", money="72.99"))
    pass_time(world, 100)
    assert world.cases() == {}


def test_pending_that_became_closed_is_told_once(make: Callable[..., World]) -> None:
    world = make()
    world.create("1")
    world.call(callback_request("1", key="guessed"))
    ledger = Ledger(world.folder / "ledger.db")
    ledger.db.execute("INSERT INTO cases (number, class, opened, notified) VALUES ('1','a',1,1)")
    ledger.db.execute("UPDATE cases SET closed = 2")
    ledger.db.execute("INSERT INTO cases (number, class, opened, notified) VALUES ('1','b',2,0)")
    assert auditor.resolved(ledger) == []
    ledger.close()


def test_large_bodies_make_small_batches(make: Callable[..., World]) -> None:
    world = make()
    write(world, *[line(PATH, b"x" * 60000) for _each in range(300)])
    found = log.batches(world.folder / "callbacks.log", log.Place())
    assert max(sum(map(len, lines)) for lines, _place in found) < 2 * log.BATCH_BYTES
