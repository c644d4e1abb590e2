"""The page: whole in itself, in both languages, and nobody's script."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from one_api_infra.callbacks import report
from one_api_infra.callbacks.ledger import Ledger
from tests.unit.callbacks.lines import notification
from tests.unit.callbacks.test_agent import make, pass_time
from tests.unit.callbacks.world import World

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
    world.call(notification(HOSTILE))
    world.call(notification("1", key="guessed"))
    pass_time(world, 120)
    return world


def _page(world: World, folder: Path) -> str:
    ledger = Ledger(folder / "ledger.db")
    try:
        return report.page(ledger, "pay.example.com", world.now, world.now + 86400)
    finally:
        ledger.close()


@pytest.mark.parametrize(("language", "title"), [("en", "Open cases"), ("zh_CN", "待处理的付款")])
def test_page(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, title: str
) -> None:
    monkeypatch.setenv("ONE_API_INFRA_LANGUAGE", language)
    page = _page(world, tmp_path)
    assert title in page
    assert "pay.example.com" in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<svg") == 2
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)[^\"]+\"|url\((?!#)|@import", page)


def test_payments_and_how_they_were_credited(world: World, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    found = {each.number: each for each in report.payments(ledger, 0)}
    ledger.close()
    assert {number: each.way for number, each in found.items()} == {"1": "callback", "2": "replay"}
    assert found["1"].delay < 1
    assert 10 <= found["2"].delay <= 40


def test_empty_ledger_has_a_page_too(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    page = report.page(ledger, "pay.example.com", 1_700_000_000.0, None)
    ledger.close()
    assert "pay.example.com" in page


def test_shares() -> None:
    assert report.shares([]) == ()
    assert report.shares([3.0]) == (3.0, 3.0, 3.0)
    assert report.shares([float(each) for each in range(100)]) == (50.0, 95.0, 99.0)
