"""What a case says is done to the letter, and all happens that still may: paid is credited, once.

The row is enabled, the database written again, the gateway calls once more, and the service runs on
for more than a day.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from one_api_infra.server.callbacks import auditor
from one_api_infra.server.callbacks.gateways.gateway import PaymentStatus
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.order import Credit
from one_api_infra.shared.editions import new_api, one_hub
from tests.unit.server.callbacks.admin import Admin
from tests.unit.server.callbacks.lines import callback_request, line
from tests.unit.server.callbacks.test_worker import Make, make, pass_time
from tests.unit.server.callbacks.world import QUOTA, World

__all__ = ["make"]  # the fixture
NUMBER, OTHER = "202611250001", "202611250002"
HALF = "36.50"
EDITIONS = {"one-hub": one_hub.EDITION, "new-api": new_api.EDITION}


def pays(world: World, money: str = "73.00") -> None:
    world.pay(NUMBER)
    world.paid[NUMBER] = replace(world.paid[NUMBER], money=Decimal(money))


def calls(world: World, money: str = "73.00") -> None:
    world.call(callback_request(NUMBER, money=money))


def disabled(world: World) -> None:
    world.is_enabled = False
    pays(world)
    calls(world)


def disabled_and_silent(world: World) -> None:
    world.is_enabled = False
    pays(world)


def not_writable(world: World) -> None:
    world.is_writable = False
    pays(world)
    calls(world)


def paid_late(world: World) -> None:
    world.now += 4 * 3600
    world.create(OTHER, user=2)
    pays(world)
    calls(world)


def row_deleted(world: World) -> None:
    world.run()
    world.has_row = False
    pays(world)
    with (world.folder / "callbacks.log").open("ab") as log:
        log.write(line(callback_request(NUMBER), at=world.now, answer=b"payment not found"))


def row_deleted_after_the_call(world: World) -> None:
    world.is_enabled = False
    pays(world)
    calls(world)
    world.run()
    world.has_row = False


def died_before_the_quota(world: World) -> None:
    pays(world)
    calls(world)
    world.credited.clear()
    world.balance.clear()


def died_before_the_log(world: World) -> None:
    pays(world)
    calls(world)
    world.credited.clear()


def doubled(world: World) -> None:
    pays(world)
    calls(world)
    world.credited.append(replace(world.credited[0], id=2))
    world.balance[1] += QUOTA


def credited_by_a_thief(world: World) -> None:
    world.receive(callback_request(NUMBER))


def half_paid(world: World) -> None:
    pays(world, HALF)
    calls(world, HALF)


def half_paid_and_missed(world: World) -> None:
    pays(world, HALF)
    world.is_up = False
    calls(world, HALF)
    world.is_up = True


def half_paid_late(world: World) -> None:
    world.now += 4 * 3600
    world.create(OTHER, user=2)
    half_paid(world)


@dataclass(frozen=True)
class Scenario:
    """How a case comes about, and the quota that its user is to have in the end."""

    begin: Callable[[World], None]
    worth: int = QUOTA
    editions: tuple[str, ...] = ("one-hub", "new-api")
    money: str = "73.00"


ONE_HUB = ("one-hub",)
SCENARIOS = [
    Scenario(disabled),
    Scenario(disabled_and_silent),
    Scenario(not_writable),
    Scenario(paid_late),
    Scenario(row_deleted_after_the_call, editions=ONE_HUB),
    Scenario(died_before_the_quota),
    Scenario(died_before_the_log),
    Scenario(doubled),
    Scenario(credited_by_a_thief, 0),
    Scenario(half_paid, QUOTA // 2, money=HALF),
    Scenario(half_paid_and_missed, QUOTA // 2, money=HALF),
    Scenario(half_paid_late, QUOTA // 2, money=HALF),
]
CASES = [
    pytest.param(
        scenario, edition, says_done, id=f"{scenario.begin.__name__}-{edition}-{says_done}"
    )
    for scenario in SCENARIOS
    for edition in scenario.editions
    for says_done in (True, False)
]


def live_on(world: World, admin: Admin, seconds: float, every: float) -> None:
    for _turn in range(int(seconds / every)):
        pass_time(world, every, every)
        admin.look()


@pytest.mark.parametrize("retries", [(), (60.0, 4 * 3600.0, 20 * 3600.0)])
@pytest.mark.parametrize(("scenario", "edition", "says_done"), CASES)
def test_paid_is_credited_in_the_end(
    make: Make, scenario: Scenario, edition: str, says_done: bool, retries: tuple[float, ...]
) -> None:
    world = make()
    world.edition, world.can_complete = EDITIONS[edition], edition == "new-api"
    world.create(NUMBER)
    scenario.begin(world)
    admin = Admin(world, says_done)
    live_on(world, admin, 600, 60)
    world.is_enabled = world.is_writable = True
    begun = world.now
    for retry in retries if NUMBER in world.paid else ():
        live_on(world, admin, begun + retry - world.now, min(retry, 3600))
        calls(world, scenario.money)
    live_on(world, admin, 30 * 3600, 3 * 3600)
    world.create(OTHER + "9", user=2)
    live_on(world, admin, 3600, 600)
    assert world.balance[1] == scenario.worth
    assert world.cases() == {}


def test_done_ends_every_sending(make: Make) -> None:
    """The quota is added by hand though nobody said so, the row enabled later: no second credit."""
    world = make()
    world.create(NUMBER)
    disabled(world)
    pass_time(world, 60)
    world.change_quota(1, QUOTA)
    world.done(NUMBER)
    world.is_enabled = True
    pass_time(world, 30 * 3600, 600)
    assert (world.balance[1], world.sent, world.cases()) == (QUOTA, [], {})


@pytest.mark.parametrize("remark", [NUMBER, f"补单 {NUMBER}，已付款"])
def test_books_are_asked_before_a_sending(make: Make, remark: str) -> None:
    """The quota was added a moment before One API could be reached again."""
    world = make()
    world.create(NUMBER)
    world.is_writable = False
    pays(world)
    calls(world)
    pass_time(world, 600)
    sent = len(world.sent)
    world.change_quota(1, QUOTA, remark)
    world.is_writable = True
    pass_time(world, 3600, 600)
    assert (world.balance[1], len(world.sent), world.cases()) == (QUOTA, sent, {})


def test_quota_that_names_no_order_holds_the_sending(make: Make) -> None:
    world = make()
    world.create(NUMBER)
    world.is_enabled = False
    pays(world)
    calls(world)
    pass_time(world, 60)
    world.change_quota(1, QUOTA)
    world.is_enabled = True
    pass_time(world, 3600, 600)
    (case,) = world.told()
    assert (world.sent, case.remedy) == ([], "held")
    world.may_send(NUMBER)
    pass_time(world, 60)
    assert (world.balance[1], world.cases()) == (2 * QUOTA, {})


def test_a_persons_word_is_good_for_what_was_added_before_it(make: Make) -> None:
    world = make()
    world.create(NUMBER)
    not_writable(world)
    world.run()
    world.may_send(NUMBER)
    pass_time(world, 600)
    world.change_quota(1, QUOTA)
    sent = len(world.sent)
    world.is_writable = True
    pass_time(world, 3600, 600)
    assert (world.balance[1], len(world.sent)) == (QUOTA, sent)


def test_what_the_gateway_has_paid_back_is_not_credited(make: Make) -> None:
    world = make()
    world.create(NUMBER)
    not_writable(world)
    pass_time(world, 3600, 60)
    world.paid[NUMBER] = replace(world.paid[NUMBER], status=PaymentStatus.CLOSED)
    pass_time(world, 7200, 60)
    world.is_writable = True
    pass_time(world, 7200, 60)
    assert world.balance[1] == 0


def test_done_that_is_said_during_a_run_ends_the_sending(make: Make) -> None:
    world = make()
    for number in (NUMBER, OTHER):
        world.create(number)
        world.is_writable = False
        world.pay(number)
        world.notify(number)
    world.now += 60
    receive = world.receive

    def slowly(uri: str, method: str = "GET") -> tuple[int, bytes]:
        ledger = Ledger(world.folder / "ledger.db")
        auditor.done(ledger, OTHER, world.now)
        ledger.close()
        world.is_writable = True
        return receive(uri, method)

    world.receive = slowly  # type: ignore[method-assign]
    world.run()
    assert world.sent == [NUMBER]


def test_gateway_that_credits_what_was_added_by_hand_is_told(make: Make) -> None:
    """What no agent can stop, it tells: with the sum to take."""
    world = make()
    world.create(NUMBER)
    disabled(world)
    world.change_quota(1, QUOTA, NUMBER)
    world.is_enabled = True
    calls(world)
    admin = Admin(world)
    pass_time(world, 60)
    (case,) = world.told()
    assert (case.kind, case.quota) == ("credited_twice", -QUOTA)
    live_on(world, admin, 1200, 60)
    assert (world.balance[1], world.cases()) == (QUOTA, {})


@pytest.mark.parametrize("users", [1, 7])
@pytest.mark.parametrize("pause", [1.0, 40.0])
def test_all_of_many_double_credits_are_told(make: Make, users: int, pause: float) -> None:
    """56 orders of the same sum, each credited by two processes."""
    world = make()
    numbers = [f"2026112600{at:02}" for at in range(56)]
    for at, number in enumerate(numbers):
        world.create(number, user=at % users)
        world.now += pause
        world.pay(number)
        world.notify(number)
        again = world.credited[-1]
        world.credited.append(Credit(1000 + at, again.user, again.quota, again.at))
        world.balance[again.user] += again.quota
        world.run()
    pass_time(world, 600)
    told = {case.number: case for case in world.told()}
    assert sum(case.quota for case in told.values()) == -56 * QUOTA
    if pause > 10:
        assert set(told) == set(numbers)
    live_on(world, Admin(world), 3600, 600)
    assert sum(world.balance.values()) == 56 * QUOTA
    assert world.cases() == {}


def test_what_a_clone_posts_is_sent_as_one_hub_reads_it(make: Make) -> None:
    world = make()
    world.create(NUMBER)
    pays(world)
    query = callback_request(NUMBER).partition("?")[2].encode()
    path = callback_request(NUMBER).partition("?")[0]
    kind = "application/x-www-form-urlencoded"
    with (world.folder / "callbacks.log").open("ab") as log:
        log.write(line(path, query, method="POST", type=kind, at=world.now, answer=b"fail"))
    pass_time(world, 60)
    assert (world.balance[1], world.cases()) == (QUOTA, {})
