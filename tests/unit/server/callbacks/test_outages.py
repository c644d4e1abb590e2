"""After an outage of any length what was paid is credited once, or a case; nothing else is."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from one_api_infra.server.callbacks import outages
from one_api_infra.server.callbacks.audit import Class
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.gateways.gateway import PaymentStatus, Reply
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.schedule import HORIZON
from tests.unit.server.callbacks.lines import ACCOUNT, line
from tests.unit.server.callbacks.world import FaultyEpay, World

HOURS = (2, 20, 25, 28, 48, 72, 240)
Make = Callable[..., World]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    def made(silence: float = 0.0) -> World:
        world = World(tmp_path, Random(1))
        monkeypatch.setitem(GATEWAYS, "epay", FaultyEpay(world, silence))
        (tmp_path / "callbacks.log").touch()
        world.run()
        return world

    return made


def pass_time(world: World, seconds: float) -> None:
    for _run in range(int(seconds / 20)):
        world.now += 20
        world.run()


def away(world: World, hours: float) -> None:
    """Nobody looks, and One API answers nobody."""
    world.is_up = False
    world.now += hours * 3600
    world.is_up = True


@pytest.mark.parametrize("hours", HOURS)
def test_who_paid_before_it_and_was_never_called_for_is_credited(make: Make, hours: int) -> None:
    world = make()
    world.create("1")
    world.pay("1")
    away(world, hours)
    pass_time(world, 900)
    assert (len(world.credited), world.cases()) == (1, {})


@pytest.mark.parametrize("hours", HOURS)
@pytest.mark.parametrize("silence", [0.0, 1.0])
def test_a_recorded_callback_is_taken_or_told_of(make: Make, hours: int, silence: float) -> None:
    world = make(silence)
    world.create("1")
    world.pay("1")
    world.is_up = False
    world.now += 60
    world.notify("1")
    away(world, hours)
    world.run()
    world.create("2", user=2)  # One Hub closes what is three hours old
    pass_time(world, 1800)
    assert len(world.credited) == 1 or world.cases() == {"1": Class.PAID_CLOSED.value}


@pytest.mark.parametrize("hours", HOURS)
def test_a_callback_of_an_order_that_one_api_lost_is_told_of(make: Make, hours: int) -> None:
    world = make()
    world.create("1")
    world.pay("1")
    world.is_up = False
    world.now += 60
    world.notify("1")
    del world.orders_made["1"]
    away(world, hours)
    pass_time(world, 900)
    assert world.cases() == {"1": Class.UNKNOWN_ORDER.value}


@pytest.mark.parametrize("hours", HOURS)
@pytest.mark.parametrize("is_called", [True, False])
def test_what_was_paid_back_in_it_is_not_credited(make: Make, hours: int, is_called: bool) -> None:
    world = make()
    world.create("1")
    world.pay("1")
    world.is_writable = False  # the gateway's word is known, and cannot be acted on
    pass_time(world, 300)
    world.is_up = False
    if is_called:
        world.notify("1")
    away(world, hours)
    world.is_writable = True
    world.paid["1"] = Reply(PaymentStatus.CLOSED, "1")
    pass_time(world, 900)
    assert world.credited == []


@pytest.mark.parametrize("hours", HOURS)
def test_an_account_that_is_mended_after_it_loses_no_line(make: Make, hours: int) -> None:
    world = make(silence=1.0)
    world.create("1")
    world.pay("1")
    world.is_up = False
    world.now += 60
    world.notify("1")
    world.now += hours * 3600
    log = world.folder / "callbacks.log"
    old = log.rename(log.with_name("callbacks.log.1"))
    os.utime(old, (world.now - hours * 3600,) * 2)
    log.write_bytes(line("/", at=world.now))
    os.utime(log, (world.now,) * 2)
    world.is_up = True
    world.account = replace(ACCOUNT, public={"pay_domain": "x"})
    pass_time(world, 1800)
    assert len(world.credited) == 1 or world.cases()


def test_what_lies_in_an_outage_is_new_for_a_horizon_after_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    day = 86400.0
    assert outages.since(ledger, 10 * day) == 10 * day - HORIZON
    ledger.note(outages.RAN, 7 * day)
    outages.begin(ledger, 10 * day)
    outages.begin(ledger, 10 * day + 20)  # it was still down
    assert json.loads(ledger.note(outages.OUTAGES)) == [[7 * day, 10 * day + 20]]
    assert outages.since(ledger, 11 * day) == 7 * day - HORIZON
    assert outages.since(ledger, 12 * day) == 12 * day - HORIZON
    ledger.close()
