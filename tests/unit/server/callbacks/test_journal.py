"""A database that went back in time: every payment of the lost minutes is credited, or a case."""

import contextlib
import shutil
import sqlite3
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from one_api_infra.server.callbacks import journal
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.order import Status
from tests.unit.server.callbacks.world import FaultyEpay, World


class Site:
    """A world with a backup: what a restore brings back, and what the journal has."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.world = World(folder, Random(seed))
        (folder / "callbacks.log").touch()
        self.saved: tuple[object, ...] = ()

    def run(self, after: float = 20.0) -> None:
        """A run of the callback service, which keeps the journal."""
        self.world.now += after
        self.world.run()
        with contextlib.closing(Ledger(self.folder / "ledger.db")) as ledger:
            journal.append(ledger, self.folder / "journal", self.world.now)

    def back_up(self) -> None:
        world = self.world
        with contextlib.closing(sqlite3.connect(self.folder / "ledger.db")) as ledger:
            (self.folder / "ledger.copy").unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(self.folder / "ledger.copy")) as copy:
                ledger.backup(copy)
        shutil.copy(self.folder / "callbacks.log", self.folder / "log.copy")
        self.saved = (dict(world.orders_made), list(world.credited), Counter(world.balance))

    def lose_and_rebuild(self) -> None:
        """The server is gone; another one has the backup, and the journal."""
        made, credited, balance = self.saved
        self.world.orders_made, self.world.credited = dict(made), list(credited)  # type: ignore[call-overload]
        self.world.balance = Counter(balance)  # type: ignore[call-overload]
        for path in self.folder.glob("ledger.db*"):
            path.unlink()
        shutil.copy(self.folder / "ledger.copy", self.folder / "ledger.db")
        shutil.copy(self.folder / "log.copy", self.folder / "callbacks.log")
        (self.folder / "journal").rename(self.folder / "journal.restored")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Site:
    made = Site(tmp_path, getattr(request, "param", 0))
    monkeypatch.setitem(GATEWAYS, "epay", FaultyEpay(made.world, 0.0))
    return made


def test_a_known_order_is_credited_again_and_a_lost_one_is_a_case(site: Site) -> None:
    world = site.world
    world.create("known")
    site.run()
    site.back_up()
    world.create("lost", user=2)
    for number in ("known", "lost"):
        world.pay(number)
        world.notify(number)
    site.run()
    assert world.balance == {1: 500, 2: 500}
    site.lose_and_rebuild()
    for _run in range(15):
        site.run(60)
    assert world.balance == {1: 500}
    assert world.cases().keys() == {"lost"}
    with contextlib.closing(Ledger(site.folder / "ledger.db")) as ledger:
        (case,) = ledger.db.execute("SELECT * FROM cases WHERE closed IS NULL").fetchall()
    assert (case["quota"], case["remedy"]) == (500, "add")


def test_what_nobody_called_for_is_asked_for(site: Site) -> None:
    world = site.world
    site.run()
    site.back_up()
    world.create("silent")
    site.run()
    world.pay("silent")
    site.lose_and_rebuild()
    for _run in range(20):
        site.run(300)
    assert world.cases().keys() == {"silent"}


@pytest.mark.parametrize("silence", [0.0, 0.6])
def test_what_no_copy_holds_is_found_in_the_gateways_list(
    site: Site, monkeypatch: pytest.MonkeyPatch, silence: float
) -> None:
    monkeypatch.setitem(GATEWAYS, "epay", FaultyEpay(site.world, silence))
    world = site.world
    for number in range(120):  # of before, which are all known
        world.create(f"old{number}")
        world.pay(f"old{number}")
        world.notify(f"old{number}")
    site.run()
    site.back_up()
    world.create("last", user=2)
    world.pay("last")
    world.notify("last")
    site.lose_and_rebuild()
    for _run in range(30):
        site.run(300)
    assert world.cases() == {"last": "unknown_order"}
    world.done("last")
    site.run(3600)
    assert world.cases() == {}


def test_orders_of_another_shop_with_the_same_account_are_nobodys_matter(site: Site) -> None:
    world = site.world
    for number in range(30):
        world.create(f"mine{number}")
        for each in (f"mine{number}", f"theirs{number}"):
            world.pay(each)
        world.notify(f"mine{number}")
    site.run()
    site.back_up()
    site.lose_and_rebuild()
    for _run in range(30):
        site.run(300)
    assert world.cases() == {}


def test_what_was_not_paid_is_nobodys_matter(site: Site) -> None:
    world = site.world
    site.run()
    site.back_up()
    world.create("unpaid")
    site.run()
    site.lose_and_rebuild()
    for _run in range(20):
        site.run(300)
    assert world.cases() == {}


@pytest.mark.parametrize("site", range(2), indirect=True)
def test_none_is_lost_doubled_or_invented(site: Site) -> None:
    world, chance = site.world, Random(site.world.chance.random())
    site.run()
    site.back_up()
    numbers = [str(number) for number in range(12)]
    lost_at = chance.randrange(20, 45)
    for step in range(lost_at):
        if numbers and chance.random() < 0.5:
            world.create(numbers.pop(), user=chance.randrange(1, 6))
        waiting = [each for each in world.orders_made if each not in world.paid]
        if waiting and chance.random() < 0.5:
            number = chance.choice(waiting)
            world.pay(number)
            if chance.random() < 0.7:
                world.notify(number)
        if step % 3 == 0:
            site.run()
        if step % 11 == 0:
            site.back_up()
    site.run()
    site.lose_and_rebuild()
    for _run in range(25):
        site.run(300)
    credited = {number for number, each in world.orders_made.items()
                if each.status is Status.SUCCESS}  # fmt: skip
    assert world.paid.keys() == credited | world.cases().keys()
    assert not credited & world.cases().keys()
    assert len(world.credited) == len(credited)


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"order": {"number": "1"}}\n{"order": {"num')
    assert list(journal.entries(tmp_path)) == [{"order": {"number": "1"}}]
