"""Cases for the admin: what costs money and the service cannot settle, with the exact steps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from one_api_infra.server.callbacks import audit
from one_api_infra.server.callbacks.audit import Class, Facts
from one_api_infra.server.callbacks.order import DOLLARS, Order, QuotaDisplay, Status
from one_api_infra.server.callbacks.remedies import IN_GENERAL, ONE_HUB, REMEDIES, Remedy
from one_api_infra.shared import foreign
from one_api_infra.shared.texts import N_, _

INVALID_SIGNATURE = "invalid_signature"
CAUSES: Mapping[str, str] = {
    Class.PAID_PENDING: N_(
        "Order {number} is paid ({money} {currency}), but pending in One API: {detail}"
    ),
    Class.PAID_CLOSED: N_(
        "Order {number} is paid ({money} {currency}), but One API has closed it:"
        " it takes no callback for it any more"
    ),
    Class.SUCCESS_UNCREDITED: N_(
        "Order {number} is a success in One API, but its log shows no credit to user {user}"
    ),
    Class.CREDITED_TWICE: N_("Order {number} was credited more than once to user {user}"),
    Class.CREDITED_UNPAID: N_(
        "Order {number} was credited, but the gateway says that it is not paid: {detail}"
    ),
    Class.AMOUNT_DIFFERS: N_(
        "Order {number} is over {money} {currency}, but the gateway has another amount: {detail}"
    ),
    Class.UNKNOWN_ORDER: N_(
        "The gateway reports order {number} as paid, but One API does not know it: {detail}"
    ),
    INVALID_SIGNATURE: N_("Callbacks whose signature is wrong were refused: {detail}"),
}
TITLES: Mapping[str, str] = {
    Class.PAID_PENDING: N_("Paid, but pending in One API"),
    Class.PAID_CLOSED: N_("Paid, but closed by One API"),
    Class.SUCCESS_UNCREDITED: N_("A success in One API, without a credit in its log"),
    Class.CREDITED_TWICE: N_("Credited more than once"),
    Class.CREDITED_UNPAID: N_("Credited, but not paid"),
    Class.AMOUNT_DIFFERS: N_("Another amount was paid"),
    Class.UNKNOWN_ORDER: N_("Paid, but unknown to One API"),
    INVALID_SIGNATURE: N_("Callbacks with a wrong signature"),
}


@dataclass(frozen=True)
class Case:
    """A case, with all that its text needs.

    ``quota`` is what the remedy adds, negative if it takes; ``payment`` the payment row's id and
    name.
    """

    number: str
    kind: str
    order: Order | None
    detail: str
    remedy: str
    quota: int
    payment: str = ""
    edition: str = ONE_HUB
    display: QuotaDisplay = DOLLARS


@dataclass(frozen=True)
class Means:
    """What may still credit a pending order.

    ``is_disabled`` and ``is_gone`` are said of its payment row, ``is_held`` of a sending that waits
    for a person's word; ``completes`` is whether One API completes orders when it is told to, and
    ``has_way`` whether something is kept that it would take.
    """

    is_disabled: bool
    is_gone: bool
    is_held: bool
    completes: bool
    has_way: bool = True


def remedy(found: Class, facts: Facts, means: Means) -> Remedy:
    """The one remedy of an order's case."""
    fixed = {
        Class.SUCCESS_UNCREDITED: Remedy.COMPARE,
        Class.CREDITED_TWICE: Remedy.TAKE,
        Class.CREDITED_UNPAID: Remedy.LOOK,
        Class.PAID_CLOSED: Remedy.ADD,
        Class.UNKNOWN_ORDER: Remedy.WHOSE,
    }
    if found in fixed:
        return fixed[found]
    is_pending = facts.order is not None and facts.order.status is Status.PENDING
    if found is Class.AMOUNT_DIFFERS:
        more = audit.surplus(facts)
        settled = Remedy.TAKE if more > 0 else Remedy.ADD if more < 0 else Remedy.AMOUNT
        later = Remedy.WHOLE if means.completes else Remedy.LATER
        return later if is_pending and not means.is_gone else settled
    ways = (
        (means.is_held, Remedy.HELD),
        (means.is_gone, Remedy.ADD),
        (not (means.has_way or means.completes), Remedy.CLOSE),
        (means.is_disabled, Remedy.ENABLE),
        (means.completes, Remedy.COMPLETE),
    )
    return next((each for is_so, each in ways if is_so), Remedy.WAIT)


def when_done(number: str) -> str:
    """How a case that a human has dealt with is closed."""
    return _("When it is done: `one-api-infra order {number} --done`", number=number)


def lines(case: Case) -> tuple[str, str]:
    """Cause and remedy in the operator's language."""
    order = case.order
    text = REMEDIES.get((case.remedy, case.edition)) or REMEDIES[case.remedy, ""]
    row, _mark, name = case.payment.partition(" ")
    values = {
        "number": foreign.text(case.number),
        "detail": foreign.text(case.detail) or "-",
        "user": order.user if order else "-",
        "quota": abs(case.quota),
        "amount": foreign.text(case.display.amount(case.quota)),
        "money": (order.money_text if order else "") or "-",
        "currency": foreign.text(order.currency) if order else "",
        "body": json.dumps(_body(case)),
        "payment": foreign.text(name or row) or "-",
        "enable": json.dumps({"id": int(row or 0), "enable": True}),
        "complete": json.dumps({"trade_no": case.number}),
    }
    return _(CAUSES[case.kind], **values), _(text, **values)


def _body(case: Case) -> Mapping[str, object]:
    """What One API is sent to add or take the case's quota."""
    if case.edition == ONE_HUB:
        return {"quota": case.quota, "remark": case.number}
    user = case.order.user if case.order else 0
    mode = "add" if case.quota > 0 else "subtract"
    return {"id": user, "action": "add_quota", "mode": mode, "value": abs(case.quota)}


def title(kind: str) -> str:
    """The kind of many cases, in words."""
    return _(TITLES[kind])


def in_general(chosen: str) -> str:
    """The remedy of many cases, in words."""
    return _(IN_GENERAL[chosen])
