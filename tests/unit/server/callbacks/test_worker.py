"""The service in a world of faults: every paid order credited once, or a case; none invented."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from one_api_infra.server.callbacks import auditor, intake, rewind, summary, worker
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.gateways.gateway import PaymentStatus
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.order import Status
from one_api_infra.shared import plain
from one_api_infra.shared.secret import Secret
from tests.unit.server.callbacks.lines import ACCOUNT, callback_request, line
from tests.unit.server.callbacks.world import QUOTA, FaultyEpay, World

RUN_EVERY = 20.0
LATER = 60.0
Make = Callable[..., World]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    def made(
        seed: int = 0, silence: float = 0.0, kills: float = 0.0, loses_writes: float = 0.0
    ) -> World:
        world = World(tmp_path, Random(seed), kills=kills, loses_writes=loses_writes)
        monkeypatch.setitem(GATEWAYS, "epay", FaultyEpay(world, silence))
        (tmp_path / "callbacks.log").touch()
        return world

    return made


def pass_time(world: World, seconds: float, every: float = RUN_EVERY) -> None:
    for _run in range(int(seconds / every)):
        world.now += every
        world.run()


def test_taken_callback_is_left_alone(make: Make) -> None:
    world = make()
    world.create("1")
    world.pay("1")
    world.notify("1")
    pass_time(world, 600)
    assert (len(world.credited), world.sent, world.cases()) == (1, [], {})


def test_lost_callback_is_replayed_once_one_api_is_back(make: Make) -> None:
    world = make()
    world.create("1")
    world.pay("1")
    world.is_up = False
    world.notify("1")
    pass_time(world, 120)
    world.is_up = True
    pass_time(world, 40)
    assert (len(world.credited), world.sent, world.cases()) == (1, ["1"], {})


def test_edition_that_completes_orders_is_told_to(make: Make) -> None:
    world = make()
    world.can_complete = True
    world.create("1")
    world.pay("1")
    pass_time(world, 120)
    assert (len(world.credited), world.sent, world.cases()) == (1, ["1"], {})


def test_silent_gateway_is_asked(make: Make) -> None:
    world = make()
    world.create("1")
    world.pay("1")
    pass_time(world, 120)
    assert (len(world.credited), world.sent) == (1, ["1"])


def test_unpaid_order_is_never_credited(make: Make) -> None:
    world = make()
    world.create("1")
    pass_time(world, 4 * 3600, LATER)
    assert (world.credited, world.sent, world.cases()) == ([], [], {})


def test_answer_without_a_write_is_mended(make: Make) -> None:
    world = make(loses_writes=1.0)
    world.create("1")
    world.notify("1")
    world.loses_writes = 0.0
    pass_time(world, 60)
    assert (len(world.credited), world.sent) == (1, ["1"])


def test_order_paid_after_it_was_closed_is_a_case(make: Make) -> None:
    world = make()
    world.create("1")
    world.now += 4 * 3600
    world.create("2")
    world.pay("1")
    world.notify("1")
    pass_time(world, 60)
    assert (world.credited, world.cases()) == ([], {"1": "paid_closed"})


def test_forged_ones_are_one_case(make: Make) -> None:
    world = make()
    world.create("1")
    for number in range(50):
        world.call(callback_request("1", trade_no=f"X{number}", key="guessed"))
    pass_time(world, 600)
    assert (world.credited, list(world.cases().values())) == ([], ["invalid_signature"])


def test_a_mended_key_judges_anew_and_ends_the_case(make: Make) -> None:
    world = make()
    world.account = replace(ACCOUNT, secrets={"key": Secret("another's")})
    world.create("1")
    world.notify("1")
    pass_time(world, 40)
    assert list(world.cases().values()) == ["invalid_signature"]
    world.account = ACCOUNT
    pass_time(world, 40)
    assert (world.sent, world.cases()) == (["1"], {})


@pytest.mark.parametrize("changed", [
    {"merchant": "1002"}, {"public": {"pay_type": "alipay", "public_key": "k"}}, {"path": "/other"},
    {"secrets": {"key": Secret("k")}}, {"row": "another"},
])  # fmt: skip
def test_whatever_judges_callbacks_judges_anew(tmp_path: Path, changed: dict[str, Any]) -> None:
    ledger, log = Ledger(tmp_path / "ledger.db"), tmp_path / "callbacks.log"
    log.write_bytes(line(at=1000.0))
    intake.judge_anew(ledger, log, intake.accounts([ACCOUNT]), 1000.0)
    for account, is_anew in ((replace(ACCOUNT, title="new", is_enabled=False), False),
                             (replace(ACCOUNT, **changed), True)):  # fmt: skip
        ledger.note(intake.PLACE, "read")
        intake.judge_anew(ledger, log, intake.accounts([account]), 1000.0)
        assert (ledger.note(intake.PLACE) != "read") is is_anew


@pytest.mark.parametrize("hours", [1, 48])
def test_a_database_that_went_back_loses_no_payment_in_silence(make: Make, hours: int) -> None:
    """A rollback: what was credited since is no more, and neither are later orders."""
    world = make()
    for number in ("1", "2", "4"):
        world.create(number, user=int(number))
    at = world.now
    pass_time(world, 60)
    world.create("3", user=3)
    for number in ("1", "3"):
        world.pay(number)
        world.notify(number)
    pass_time(world, 600)
    world.change_quota(4, QUOTA, "4")  # by hand, and said so
    world.done("4")
    pass_time(world, hours * 3600, LATER * 5)
    for each in (world.credited, world.sent, world.corrected, world.balance):
        each.clear()
    world.orders_made["1"] = replace(world.orders_made["1"], status=Status.PENDING)
    del world.orders_made["3"]
    mark = plain.write(rewind.Mark(at, world.now))
    (world.folder / "rewind.json").write_text(mark)
    pass_time(world, 3600)
    assert dict(world.balance) == {1: QUOTA}
    assert world.cases() == {"3": "paid_closed"}
    ledger = Ledger(world.folder / "ledger.db")
    assert not auditor.is_done(ledger, "4")
    ledger.close()


def test_what_was_mended_before_a_rollback_is_mended_once_more(make: Make) -> None:
    world = make()
    world.create("1")
    world.pay("1")
    world.is_up = False
    world.notify("1")
    pass_time(world, 60)
    at = world.now
    world.is_up = True
    pass_time(world, 1800)
    assert len(world.credited) == 1
    for each in (world.credited, world.sent, world.balance):
        each.clear()
    world.orders_made["1"] = replace(world.orders_made["1"], status=Status.PENDING)
    (world.folder / "rewind.json").write_text(plain.write(rewind.Mark(at, world.now)))
    pass_time(world, 1800)
    assert (len(world.credited), world.cases()) == (1, {})


def test_done_is_of_an_order_that_is_known(make: Make) -> None:
    world = make()
    world.create("1")
    world.run()
    ledger = Ledger(world.folder / "ledger.db")
    assert auditor.done(ledger, "1", world.now) == 0
    with pytest.raises(LookupError):
        auditor.done(ledger, "G1", world.now)
    ledger.close()


def test_a_pending_order_that_is_gone_becomes_a_case_that_can_be_followed(make: Make) -> None:
    world = make()
    world.create("1")
    world.pay("1")
    world.is_writable = False
    world.notify("1")
    pass_time(world, 60)
    del world.orders_made["1"]
    pass_time(world, 1800)
    (case,) = world.told()
    assert (case.kind, case.remedy, case.quota) == ("paid_closed", "add", QUOTA)


def test_what_was_paid_back_in_an_outage_is_not_credited(make: Make) -> None:
    world = make()
    world.create("1")
    world.is_up = False
    world.pay("1")
    world.notify("1")
    pass_time(world, 2 * 3600, LATER)
    world.paid["1"] = replace(world.paid["1"], status=PaymentStatus.CLOSED)
    world.is_up = True
    epay = GATEWAYS["epay"]
    assert isinstance(epay, FaultyEpay)
    epay.silence = 1.0  # at first
    pass_time(world, 40)
    epay.silence = 0.0
    pass_time(world, 600)
    assert (world.sent, world.credited) == ([], [])


def test_callback_for_nobody_is_a_case(make: Make) -> None:
    world = make()
    world.notify("404")
    pass_time(world, 120)
    assert world.cases() == {"404": "unknown_order"}


def test_wrong_amount_is_a_case_and_sends_nothing(make: Make) -> None:
    world = make()
    world.create("1")
    world.is_up = False
    world.call(callback_request("1", money="0.01"))
    world.is_up = True
    pass_time(world, 600)
    assert (world.credited, world.sent, world.cases()) == ([], [], {"1": "amount_differs"})


@pytest.mark.parametrize("seed", range(3))
def test_any_faults_at_all(make: Make, seed: int) -> None:
    """200 orders over two hours: outages, silence, duplicates, kills, forgeries, lost writes."""
    world = make(seed, silence=0.3, kills=0.01, loses_writes=0.05)
    chance = Random(seed)
    numbers = [str(number) for number in range(200)]
    for number in numbers:
        world.is_up = chance.random() > 0.15
        if world.is_up:
            world.create(number)
            if chance.random() < 0.8:
                world.pay(number)
        for _send in range(chance.choice((0, 1, 1, 2))):
            if number in world.paid:
                world.notify(number)
        if chance.random() < 0.2:
            world.call(callback_request(number, key="guessed"))
        world.now += chance.choice((5, 20, 60, 120))
        world.run()
    world.is_up, world.kills = True, 0.0
    pass_time(world, 3600, LATER)
    world.loses_writes = 0.0
    pass_time(world, 2400, LATER)
    paid = set(world.paid)
    done = {n for n, order in world.orders_made.items() if order.status.value == "success"}
    cases = {number for number, kind in world.cases().items() if kind != "invalid_signature"}
    assert len(world.credited) == len(done)
    assert done <= paid
    assert paid == done | cases
    assert not cases & done


def test_told_once_and_healed_once(make: Make, tmp_path: Path) -> None:
    world = make()
    world.create("1")
    world.call(callback_request("1", money="0.01"))
    sent: list[str] = []

    def tell(day: dict[str, str]) -> None:
        ledger = Ledger(tmp_path / "ledger.db")
        worker.tell(ledger, "pay.example.com", range(2), deliver, day, now=1e9)
        ledger.close()

    def deliver(box: Sequence[Mapping[str, str]]) -> tuple[list[Mapping[str, str]], list[str]]:
        sent.extend(each["body"] for each in box)
        return [], []

    world.run()
    for _run in range(3):
        tell({})
    assert len(sent) == 2  # a channel each
    assert "1" in sent[0]
    assert "another amount" in sent[0]


def test_what_a_channel_does_not_take_waits(make: Make, tmp_path: Path) -> None:
    make()
    ledger = Ledger(tmp_path / "ledger.db")
    tried: list[int] = []

    def deliver(box: Sequence[Mapping[str, str]]) -> tuple[list[Mapping[str, str]], list[str]]:
        tried.append(len(box))
        return list(box) if len(tried) < 3 else [], []

    day = {"title": "day", "body": "day"}
    for each in (day, {}, {}, {}):
        worker.tell(ledger, "pay.example.com", range(1), deliver, each, now=1e9)
    ledger.close()
    assert tried == [1, 1, 1, 0]


def test_summary_of_the_day(make: Make, tmp_path: Path) -> None:
    world = make()
    ledger = Ledger(tmp_path / "ledger.db")
    assert summary.message(ledger, "pay.example.com", world.now) == {}
    ledger.close()
    world.create("1")
    world.notify("1")
    pass_time(world, 60)
    ledger = Ledger(tmp_path / "ledger.db")
    assert "1" in summary.message(ledger, "pay.example.com", world.now)["body"]
    ledger.close()
