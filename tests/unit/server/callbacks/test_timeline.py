"""One order's story: every kind of loss has its sentence, and no signature stands in it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from one_api_infra.server.callbacks import timeline
from one_api_infra.server.callbacks.gateways.gateway import PaymentStatus
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.server.callbacks.order import Status
from one_api_infra.shared.callback import parse
from tests.unit.server.callbacks.lines import PATH, callback_request, line
from tests.unit.server.callbacks.test_worker import make
from tests.unit.server.callbacks.world import World

__all__ = ["make"]  # the fixture
NOT_FOUND = b'{"success":false,"message":"payment not found"}'


def came(status: int, answer: bytes = b"<html>", **changed: str) -> Callable[[World], None]:
    """A callback that was answered so, and changed nothing."""

    def do(world: World) -> None:
        with (world.folder / "callbacks.log").open("ab") as log:
            log.write(
                line(callback_request("1", **changed), at=world.now, status=status, answer=answer)
            )

    return do


def silent(said: PaymentStatus, detail: str = "") -> Callable[[World], None]:
    """No callback came, and the gateway says so when it is asked."""

    def do(world: World) -> None:
        world.pay("1")
        world.paid["1"] = replace(world.paid["1"], status=said, detail=detail)
        world.now += 90

    return do


def for_another_row(world: World) -> None:
    uri = callback_request("1").replace(PATH, "/api/payment/notify/gone")
    with (world.folder / "callbacks.log").open("ab") as log:
        log.write(line(uri, at=world.now, answer=NOT_FOUND))


def paid_when_closed(world: World) -> None:
    world.orders_made["1"] = replace(world.orders_made["1"], status=Status.CLOSED)
    world.notify("1")


def credited_by_nobody(world: World) -> None:
    world.notify("1")
    world.credited.clear()
    world.run()
    world.now += 90


def credited_twice(world: World) -> None:
    world.notify("1")
    world.credited.append(replace(world.credited[0], id=2))
    world.run()
    world.now += 200


KINDS = {
    "One API did not run": came(502),
    "did not answer the callback in time": came(504),
    "rate limit": came(429, b""),
    "failed over the callback": came(500),
    "hung up": came(499, b""),
    "signature is wrong": came(200, b"fail", key="guessed"),
    "disabled": came(200, NOT_FOUND),
    "though the payment row's key fits it: fail": came(200, b"fail"),
    "to say that the order is not paid": came(200, b"fail", trade_status="WAIT"),
    "still pending": came(200, b"success"),
    "has not called, and says": silent(PaymentStatus.WAITING),
    "contradicts itself": silent(PaymentStatus.UNCLEAR, "status=1"),
    "could not be asked: no answer in time": silent(PaymentStatus.SILENT, "ReadTimeout"),
    "does not tell whether it is paid: 订单号不存在": silent(PaymentStatus.UNKNOWN, "订单号不存在"),
    "payment row that is gone": for_another_row,
    "closed by One API": paid_when_closed,
    "amount differs": came(200, b"success", money="0.01"),
    "shows no credit": credited_by_nobody,
    "more than once": credited_twice,
}


@pytest.mark.parametrize(("words", "do"), KINDS.items(), ids=KINDS)
def test_loss_is_named(
    make: Callable[..., World], tmp_path: Path, words: str, do: Callable[[World], None]
) -> None:
    world = make()
    world.create("1")
    do(world)
    world.run()
    story = _story(tmp_path)
    assert words in story
    assert "sign=***" in story or "sign=" not in story


@pytest.mark.parametrize(("status", "words"), [(502, "did not run"), (200, "nobody can judge it")])
def test_callback_that_nobody_could_judge_is_no_silence(
    make: Callable[..., World], tmp_path: Path, status: int, words: str
) -> None:
    world = make()
    world.create("1")
    world.run()
    callback = parse(line(callback_request("1"), at=world.now, status=status))
    assert callback
    ledger = Ledger(tmp_path / "ledger.db")
    story = "\n".join(
        timeline.lines(ledger, "1", UTC, timeline.Look(unread=[callback], is_asked=False))
    )
    ledger.close()
    assert words in story
    assert "nobody knows whether it is paid" in story
    assert "no callback of this order" not in story


def _story(folder: Path) -> str:
    ledger = Ledger(folder / "ledger.db")
    try:
        return "\n".join(timeline.lines(ledger, "1", UTC))
    finally:
        ledger.close()
