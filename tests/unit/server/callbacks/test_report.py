"""The page: whole in itself, in both languages, and nobody's script."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.server.callbacks import figures, report
from one_api_infra.server.callbacks.figures import Payment
from one_api_infra.server.callbacks.ledger import Ledger
from tests.unit.server.callbacks.lines import callback_request
from tests.unit.server.callbacks.test_worker import make, pass_time
from tests.unit.server.callbacks.world import MONEY, World

__all__ = ["make"]  # the fixture
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    """A credited order, a replayed one, a case with a hostile number, forged calls."""
    world = make()
    for number in ("1", "2"):
        world.create(number)
        world.pay(number)
    world.notify("1")
    world.is_up = False
    world.notify("2")
    world.is_up = True
    world.call(callback_request(HOSTILE))
    world.call(callback_request("1", key="guessed"))
    pass_time(world, 120)
    return world


def _page(world: World, folder: Path) -> str:
    ledger = Ledger(folder / "ledger.db")
    try:
        return report.page(ledger, "pay.example.com", world.now, world.now + 86400)
    finally:
        ledger.close()


@pytest.mark.parametrize(("language", "title"), [("en", "What waits"), ("zh_CN", "需要您处理的")])
def test_page(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, title: str
) -> None:
    monkeypatch.setenv("ONE_API_INFRA_LANGUAGE", language)
    page = _page(world, tmp_path)
    assert title in page
    assert "pay.example.com" in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "¥146.00" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)[^\"]+\"|url\((?!#)|@import", page)


def test_payments_and_how_they_were_credited(world: World, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    found = {each.number: each for each in figures.payments(ledger, 0)}
    ledger.close()
    assert {number: each.way for number, each in found.items()} == {"1": "callback", "2": "replay"}
    assert found["1"].delay < 1
    assert 10 <= found["2"].delay <= 40
    assert {each.gateway for each in found.values()} == {"epay"}
    assert figures.amounts(found.values()) == {"CNY": 2 * MONEY}


def test_empty_ledger_has_a_page_too(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    page = report.page(ledger, "pay.example.com", 1_700_000_000.0, None)
    ledger.close()
    assert "No payment waits for you." in page


def test_many_cases_are_one_group_with_one_remedy(make: Callable[..., World]) -> None:
    world = make()
    world.is_enabled = False
    for at in range(105):
        world.create(f"2026112500{at:03}")
        world.pay(f"2026112500{at:03}")
        world.notify(f"2026112500{at:03}")
    world.run()
    (group,) = report.grouped(world.told())
    assert (group.count, len(group.rows), group.more) == (105, report.SHOWN, 105 - report.FIRST)
    assert group.amount == "¥7,665.00"
    assert "Enable the payment row" in group.remedy


def test_today_begins_at_the_sites_midnight() -> None:
    evening = datetime(2026, 11, 25, 18, tzinfo=UTC).timestamp()
    begin = figures.midnight(evening, ZoneInfo("Asia/Shanghai"))
    assert begin.isoformat() == "2026-11-26T00:00:00+08:00"


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"])
@given(now=st.floats(1.7e9, 1.9e9), ages=st.lists(st.floats(0, 6 * 86400), max_size=20))
def test_each_payment_is_in_one_day(zone: str, now: float, ages: list[float]) -> None:
    paid = [
        Payment(str(at), now - age, now - age, "callback", Decimal(1), "CNY", "epay")
        for at, age in enumerate(ages)
    ]
    found = figures.days(paid, {}, now, ZoneInfo(zone))
    assert len(found) == figures.DAYS
    oldest = found[0].begin.timestamp()
    assert sum(day.count for day in found) == sum(each.credited >= oldest for each in paid)


def test_shares() -> None:
    assert figures.shares([]) == ()
    assert figures.shares([3.0]) == (3.0, 3.0, 3.0)
    assert figures.shares([float(each) for each in range(100)]) == (49.0, 94.0, 98.0)


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_every_delay_is_counted_once(delays: list[float]) -> None:
    paid = [Payment("1", 0.0, each, "replay", Decimal(1), "CNY", "epay") for each in delays]
    found = figures.delays(paid)
    assert sum(count for _limit, count, _reconciled in found) == len(delays)
