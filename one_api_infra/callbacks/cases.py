"""Cases for the admin: what costs money and cannot be mended by the agent, with the exact steps.

A case has one remedy, and it is safe to follow to the letter: while One API may still credit an
order (its row is enabled, its gateway calls again, the database is writable once more), nothing is
to be added by hand, since nobody could take that back in time.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from one_api_infra.callbacks import audit
from one_api_infra.callbacks.audit import Class, Facts
from one_api_infra.callbacks.order import Order, Status
from one_api_infra.texts import N_, _

FORGED = "forged"
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
    FORGED: N_("Callbacks whose signature is wrong were refused: {detail}"),
}


class Remedy(StrEnum):
    """What the admin does about a case."""

    ENABLE = "enable"
    WAIT = "wait"
    LATER = "later"
    WHOLE = "whole"
    COMPLETE = "complete"
    HELD = "held"
    ADD = "add"
    COMPARE = "compare"
    TAKE = "take"
    LOOK = "look"
    AMOUNT = "amount"
    WHOSE = "whose"
    KEY = "key"


ONE_HUB, NEW_API = "one-hub", "new-api"
# By remedy, and by edition where the steps are not the same.
REMEDIES: Mapping[tuple[str, str], str] = {
    (Remedy.ENABLE, ""): N_(
        "Remedy: enable the payment row “{payment}” in One API (`PUT /api/payment/` with"
        " {enable}); the agent then sends the callback by itself, within a minute. Add no quota by"
        " hand: that would be a second credit."
    ),
    (Remedy.WAIT, ""): N_(
        "Remedy: mend what is named here; the agent sends the callback again by itself. Add no"
        " quota by hand while the order is pending: One API would credit it a second time. If One"
        " API closes the order, this case tells how much to add."
    ),
    (Remedy.LATER, ""): N_(
        "Remedy: none yet: the gateway's next call may credit the whole order. Once One API has"
        " credited or closed it, this case tells how much to take or to add."
    ),
    (Remedy.WHOLE, ""): N_(
        "Remedy: press Complete Order beside the order in New API's billing history"
        " (`POST /api/user/topup/complete` with {complete}): it credits the whole order, once; this"
        " case then tells how much to take."
    ),
    (Remedy.COMPLETE, ""): N_(
        "Remedy: look at the payment in the gateway's console; if it is there, press Complete Order"
        " beside the order in New API's billing history (`POST /api/user/topup/complete` with"
        " {complete}): it credits once, however often it is pressed. Add no quota by hand."
    ),
    (Remedy.HELD, ""): N_(
        "Remedy: somebody added a quota of {quota} to user {user} by hand, without naming an order,"
        " so nothing more is sent. If it was for this order: `one-api-infra order {number} --done`."
        " If it was not: `one-api-infra order {number} --send`."
    ),
    (Remedy.ADD, ONE_HUB): N_(
        "Remedy: in One API, Users, user {user}, change quota: {quota}, remark {number}"
        " (`POST /api/user/quota/{user}` with {body}). The case ends when that stands in the log."
    ),
    (Remedy.ADD, NEW_API): N_(
        "Remedy: in New API, Users, user {user}, Adjust Quota, add {quota}"
        " (`POST /api/user/manage` with {body})."
    ),
    (Remedy.COMPARE, ONE_HUB): N_(
        "Remedy: One API died between the order, the quota and the log; compare the balance of user"
        " {user} with its log. If a quota of {quota} is missing, add it, remark {number}"
        " (`POST /api/user/quota/{user}` with {body}); if it is there, say so:"
        " `one-api-infra order {number} --done`."
    ),
    (Remedy.COMPARE, NEW_API): N_(
        "Remedy: New API died between the order, the quota and the log; compare the balance of user"
        " {user} with its log. If a quota of {quota} is missing, add it (`POST /api/user/manage`"
        " with {body})."
    ),
    (Remedy.TAKE, ONE_HUB): N_(
        "Remedy: in One API, Users, user {user}, change quota: -{quota}, remark {number}"
        " (`POST /api/user/quota/{user}` with {body}). The case ends when that stands in the log."
    ),
    (Remedy.TAKE, NEW_API): N_(
        "Remedy: in New API, Users, user {user}, Adjust Quota, subtract {quota}"
        " (`POST /api/user/manage` with {body})."
    ),
    (Remedy.LOOK, ONE_HUB): N_(
        "Remedy: look at the payment in the gateway's console. If it is not there, take a quota of"
        " {quota} from user {user} (`POST /api/user/quota/{user}` with {body}) and change the"
        " gateway's key; if it is there: `one-api-infra order {number} --done`."
    ),
    (Remedy.LOOK, NEW_API): N_(
        "Remedy: look at the payment in the gateway's console. If it is not there, take a quota of"
        " {quota} from user {user} (`POST /api/user/manage` with {body}) and change the gateway's"
        " key."
    ),
    (Remedy.AMOUNT, ""): N_(
        "Remedy: compare both in the gateway's console and agree with the customer; what was paid"
        " cannot be told in quota here, and the agent credits nothing."
    ),
    (Remedy.WHOSE, ""): N_(
        "Remedy: look whose it is in the gateway's console; refund it if it is nobody's."
    ),
    (Remedy.KEY, ""): N_(
        "Remedy: none if they are a stranger's: nothing is credited. If they are your gateway's,"
        " the key in the payment row is not the gateway's: copy it anew."
    ),
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


@dataclass(frozen=True)
class Means:
    """What may still credit a pending order.

    ``is_disabled`` and ``is_gone`` are said of its payment row, ``is_held`` of a sending that waits
    for a person's word; ``completes`` is whether One API completes orders when it is told to.
    """

    is_disabled: bool
    is_gone: bool
    is_held: bool
    completes: bool


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
    if means.is_held:
        return Remedy.HELD
    if means.is_gone:
        return Remedy.ADD
    if means.is_disabled:
        return Remedy.ENABLE
    return Remedy.COMPLETE if means.completes else Remedy.WAIT


def when_done(number: str) -> str:
    """How a case that a human has dealt with is closed."""
    return _("When it is done: `one-api-infra order {number} --done`", number=number)


def lines(case: Case) -> tuple[str, str]:
    """Cause and remedy in the operator's language."""
    order = case.order
    text = REMEDIES.get((case.remedy, case.edition)) or REMEDIES[case.remedy, ""]
    row, _mark, name = case.payment.partition(" ")
    values = {
        "number": case.number,
        "detail": case.detail or "-",
        "user": order.user if order else "-",
        "quota": abs(case.quota),
        "money": order.money if order else "-",
        "currency": order.currency if order else "",
        "body": json.dumps(_body(case)),
        "payment": name or row or "-",
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


def is_acted(chosen: str) -> bool:
    """Whether a remedy is something that the admin does and then says ``--done`` of."""
    return chosen not in {Remedy.ENABLE, Remedy.WAIT, Remedy.LATER, Remedy.WHOLE, Remedy.HELD}
