"""How far a test payment has come, from what was seen."""

from dataclasses import replace
from decimal import Decimal

import pytest

from one_api_infra.server.callbacks import payment_steps
from one_api_infra.server.callbacks.checkouts import checkout
from one_api_infra.server.callbacks.checkouts.checkout import Checkout
from one_api_infra.server.callbacks.gateways.gateway import Claim, PaymentStatus, Reply
from one_api_infra.server.callbacks.intake import Judged
from one_api_infra.server.callbacks.order import Order, Status
from one_api_infra.server.callbacks.payment_steps import Seen, Wanted
from one_api_infra.shared.callback import Callback
from one_api_infra.shared.test_payment import STEPS, Step, StepState
from tests.unit.examples import NOW

URL = "https://a.example.com/api/payment/notify/x"
WANTED = Wanted(URL, "https://a.example.com")
LINK = Checkout("N1", "https://pay", False, URL, "https://a.example.com/panel/log", is_told=True)
ORDER = Order("N1", 2, "x", Decimal("7.3"), "CNY", 500_000, Status.PENDING, NOW)
PAID = Reply(PaymentStatus.PAID, "N1", money=Decimal("7.3"), currency="CNY")
CLAIM = Claim("N1", "G1", Decimal("7.3"), "CNY", "1001", is_paid=True, is_genuine=True)
ORDERED = Seen(checkout=LINK, order=ORDER)


def called(**changed: bool) -> Judged:
    callback = Callback(
        id="1", at=NOW + 5, client="192.0.2.1", method="GET", uri=URL, gateway="", agent="",
        content_type="", headers={}, body=b"", body_is_whole=True, status=200, answer=b"success",
        answer_bytes=7, seconds=0.02, request_id="1",
    )  # fmt: skip
    claim = replace(CLAIM, is_genuine=changed.get("is_genuine", True))
    return Judged(callback, "epay", "row", claim, changed.get("is_accepted", True))


CREDITED = replace(
    ORDERED, reply=PAID, paid_at=NOW + 2, callback=called(), grown=500_000, expected=500_000,
    order=replace(ORDER, status=Status.SUCCESS),
)  # fmt: skip


def states(seen: Seen) -> dict[str, str]:
    return {each.name: each.state for each in payment_steps.steps(seen, WANTED)}


def test_all_steps_are_known_by_name_in_their_order() -> None:
    assert list(states(CREDITED)) == list(STEPS)
    assert set(states(CREDITED).values()) == {StepState.DONE}


@pytest.mark.parametrize(
    ("seen", "name", "state"),
    [
        (Seen(refusal="no"), "order", StepState.FAILED),
        (Seen(), "order", StepState.WAITING),
        (replace(ORDERED, checkout=replace(LINK, notify_url="http://localhost")), "notify_url",
         StepState.FAILED),
        (replace(ORDERED, checkout=replace(LINK, notify_url="")), "notify_url", StepState.FAILED),
        (replace(ORDERED, checkout=replace(LINK, return_url="http://localhost:3000/panel/log")),
         "return_url", StepState.FAILED),
        (replace(ORDERED, checkout=replace(LINK, return_url="")), "return_url",
         StepState.UNKNOWN),
        (ORDERED, "paid", StepState.WAITING),
        (replace(ORDERED, silence="timeout"), "paid", StepState.WAITING),
        (replace(ORDERED, silence="timeout", callback=called()), "paid", StepState.UNKNOWN),
        (replace(ORDERED, silence="x", callback=called(is_genuine=False)), "paid",
         StepState.WAITING),
        (replace(CREDITED, callback=None), "callback", StepState.WAITING),
        (replace(CREDITED, callback=called(is_genuine=False)), "signature", StepState.FAILED),
        (replace(CREDITED, callback=called(is_accepted=False)), "answer", StepState.FAILED),
        (replace(CREDITED, order=ORDER), "credited", StepState.WAITING),
        (replace(CREDITED, is_mended=True), "credited", StepState.FAILED),
        (replace(CREDITED, grown=1_000_000), "quota", StepState.WAITING),
    ],
)  # fmt: skip
def test_a_step_is_judged_by_what_was_seen(seen: Seen, name: str, state: StepState) -> None:
    assert states(seen)[name] == state


@pytest.mark.parametrize(
    ("seen", "waited", "is_ended", "failed"),
    [
        (CREDITED, 9, True, ""),
        (ORDERED, 9, False, "paid"),
        (ORDERED, 901, True, "paid"),
        (Seen(refusal="no"), 0, True, "order"),
        (replace(ORDERED, checkout=replace(LINK, notify_url="http://x")), 0, True, "notify_url"),
        (replace(CREDITED, callback=None), 60, False, "callback"),
        (replace(CREDITED, callback=None), 130, True, "callback"),
        # A wrong answer may be followed by a right one: gateways call again.
        (replace(CREDITED, callback=called(is_accepted=False), order=ORDER), 9, False, "answer"),
        (replace(CREDITED, checkout=replace(LINK, return_url="http://x/")), 9, True, "return_url"),
    ],
)
def test_the_end_names_what_was_waited_for_in_vain(
    seen: Seen, waited: float, is_ended: bool, failed: str
) -> None:
    found = payment_steps.steps(seen, WANTED)
    since = payment_steps.since_paid(seen, NOW + waited)
    assert payment_steps.ended(found, waited, 900, since) == is_ended
    closed = payment_steps.closed(found)
    assert [each.name for each in closed if each.state == StepState.FAILED] == (
        [failed] if failed else []
    )


def test_a_step_that_has_failed_is_not_followed_by_another() -> None:
    found = (Step("order", StepState.DONE), Step("notify_url", StepState.FAILED), Step("paid"))
    assert payment_steps.closed(found) == found


@pytest.mark.parametrize(
    ("url", "parameters", "told"),
    [
        ("https://p/submit.php", {"notify_url": URL, "return_url": "https://a/b?c=d&e"},
         (URL, "https://a/b?c=d&e")),
        ("https://p/gateway.do?charset=utf-8", {"notify_url": URL}, (URL, "")),
        ("weixin://wxpay/bizpayurl?pr=1", {}, ("", "")),
        ("", {}, ("", "")),
    ],
)  # fmt: skip
def test_what_a_link_tells_is_read_from_it(
    url: str, parameters: dict[str, str], told: tuple[str, str]
) -> None:
    assert checkout.told(checkout.link(url, parameters)) == told
