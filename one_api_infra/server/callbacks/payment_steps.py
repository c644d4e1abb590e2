"""How far a test payment has come, judged by what was seen; nothing is asked here."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from one_api_infra.server.callbacks.checkouts.checkout import Checkout
from one_api_infra.server.callbacks.gateways.gateway import PaymentStatus, Reply
from one_api_infra.server.callbacks.intake import Judged
from one_api_infra.server.callbacks.order import Order, Status
from one_api_infra.shared.test_payment import Step, StepState
from one_api_infra.shared.texts import _

CALLBACK_SECONDS = 120.0  # that a gateway may take to call, once it says that it is paid
# Where these fail, nobody should pay, or it is done; a wrong answer may be followed by a right one.
AT_ONCE = ("order", "notify_url", "credited")
DONE, FAILED, UNKNOWN = StepState.DONE, StepState.FAILED, StepState.UNKNOWN


@dataclass(frozen=True)
class Wanted:
    """What the site's settings say: the whole notify URL, and the site's origin."""

    notify_url: str
    origin: str


@dataclass(frozen=True)
class Seen:
    """What is known of a payment; times in seconds since 1970.

    ``refusal`` is why there is no order, ``silence`` why the gateway does not tell. ``grown`` is
    by how much the payer's quota has grown since the first order, ``expected`` what all orders of
    this run come to that are credited. ``is_mended``: the callback service has sent the order
    anew, so that what One API credits is no callback's doing.
    """

    refusal: str = ""
    checkout: Checkout | None = None
    reply: Reply | None = None
    silence: str = ""
    paid_at: float = 0.0
    callback: Judged | None = None
    order: Order | None = None
    is_mended: bool = False
    grown: int = 0
    expected: int = 0


def steps(seen: Seen, wanted: Wanted) -> tuple[Step, ...]:
    """The steps as they stand."""
    return tuple(_steps(seen, wanted))


def _steps(seen: Seen, wanted: Wanted) -> Iterator[Step]:
    if not seen.checkout:
        yield Step("order", *((FAILED, seen.refusal) if seen.refusal else ()))
        return
    yield Step("order", DONE, seen.checkout.number)
    yield _notify(seen.checkout, wanted)
    yield _returns(seen.checkout, wanted)
    yield _paid(seen)
    yield from _callback(seen)
    is_credited = seen.order is not None and seen.order.status is Status.SUCCESS
    if is_credited and seen.is_mended:
        yield Step("credited", FAILED, _("by the callback service, not by the callback"))
    else:
        yield Step("credited", *((DONE,) if is_credited else ()))
    is_right = is_credited and seen.grown == seen.expected
    yield Step("quota", *((DONE, f"+{seen.order.quota}") if is_right and seen.order else ()))


def _notify(checkout: Checkout, wanted: Wanted) -> Step:
    if checkout.notify_url != wanted.notify_url:
        words = _("{url}, where {wanted} is wanted", url=checkout.notify_url or "-",
                  wanted=wanted.notify_url)  # fmt: skip
        return Step("notify_url", FAILED, words)
    told = "" if checkout.is_told else _(" (by One API's settings: the link does not tell)")
    return Step("notify_url", DONE, f"{checkout.notify_url}{told}")


def _returns(checkout: Checkout, wanted: Wanted) -> Step:
    if not checkout.return_url:
        return Step("return_url", UNKNOWN, _("the link does not tell"))
    parts = urlsplit(checkout.return_url)
    is_right = f"{parts.scheme}://{parts.netloc}" == wanted.origin
    words = checkout.return_url
    if not is_right:
        words = _("{url}, where {wanted} is wanted", url=words, wanted=wanted.origin)
    return Step("return_url", DONE if is_right else FAILED, words)


def _paid(seen: Seen) -> Step:
    if seen.reply and seen.reply.status is PaymentStatus.PAID:
        money = "" if seen.reply.money is None else f"{seen.reply.money} {seen.reply.currency}"
        return Step("paid", DONE, money.strip())
    if seen.callback and seen.callback.claim.is_genuine and seen.silence:
        return Step("paid", UNKNOWN, _("it does not tell: {reason}", reason=seen.silence))
    return Step("paid", words=seen.silence)


def _callback(seen: Seen) -> Iterator[Step]:
    if not seen.callback:
        yield from (Step("callback"), Step("signature"), Step("answer"))
        return
    callback = seen.callback.callback
    late = f"+{callback.at - seen.paid_at:.0f} s" if 0 < seen.paid_at <= callback.at else ""
    yield Step("callback", DONE, f"{callback.client} {late}".strip())
    yield Step("signature", DONE if seen.callback.claim.is_genuine else FAILED)
    milliseconds = f"HTTP {callback.status}, {callback.seconds * 1000:.0f} ms"
    yield Step("answer", DONE if seen.callback.is_accepted else FAILED, milliseconds)


def since_paid(seen: Seen, now: float) -> float:
    """Seconds since it was paid, by the gateway's word or its callback; 0 if it is not."""
    called = seen.callback.callback.at if seen.callback and seen.callback.claim.is_genuine else 0.0
    at = seen.paid_at or called
    return max(now - at, 0.0) if at else 0.0


def ended(found: tuple[Step, ...], waited: float, most: float, since_paid: float) -> bool:
    """Whether nothing more is waited for; all in seconds, ``since_paid`` 0 if nobody has paid."""
    if any(each.state == FAILED and each.name in AT_ONCE for each in found):
        return True
    known = {each.name for each in found if each.state in {DONE, UNKNOWN}}
    return {"paid", "callback", "quota"} <= known or since_paid > CALLBACK_SECONDS or waited > most


def closed(found: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps at the end: the first that was waited for in vain has failed."""
    if any(each.state == FAILED and each.name != "return_url" for each in found):
        return found
    waiting = next((each for each in found if each.state == StepState.WAITING), None)
    if waiting is None:
        return found
    words = waiting.words or _("not within the time")
    failed = Step(waiting.name, FAILED, words)
    return tuple(failed if each is waiting else each for each in found)
