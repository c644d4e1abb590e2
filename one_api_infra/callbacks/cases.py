"""Cases for the admin: what costs money and cannot be mended by the agent, with the exact steps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from one_api_infra.callbacks.audit import Class
from one_api_infra.callbacks.order import Order
from one_api_infra.texts import N_, _

FORGED = "forged"
ADD = N_(
    "Remedy: in One API, Users, user {user}: add a quota of {quota}, remark {number}"
    " (`POST /api/user/quota/{user}` with {body})."
)
ADD_IF_MISSING = N_(
    "Remedy: One API died between the order, the quota and the log; compare the balance of user"
    " {user} with its log, and if a quota of {quota} is missing, add it, remark {number}"
    " (`POST /api/user/quota/{user}` with {body})."
)
TAKE = N_(
    "Remedy: look at the payment in the gateway's console; if it is not there, take a quota of"
    " {quota} from user {user} (`POST /api/user/quota/{user}` with {body}) and change the"
    " gateway's key."
)


@dataclass(frozen=True)
class Kind:
    """A kind of case: cause and remedy as message ids; ``sign`` is what is done to the quota."""

    cause: str
    remedy: str
    sign: int = 0


KINDS: Mapping[str, Kind] = {
    Class.PAID_PENDING: Kind(
        N_("Order {number} is paid ({money} {currency}), but pending in One API: {detail}"), ADD, 1
    ),
    Class.PAID_CLOSED: Kind(
        N_(
            "Order {number} is paid ({money} {currency}), but One API has closed it:"
            " it takes no callback for it any more"
        ),
        ADD,
        1,
    ),
    Class.SUCCESS_UNCREDITED: Kind(
        N_("Order {number} is a success in One API, but its log shows no credit to user {user}"),
        ADD_IF_MISSING,
        1,
    ),
    Class.CREDITED_TWICE: Kind(
        N_("Order {number} was credited more than once to user {user}"),
        N_(
            "Remedy: take a quota of {quota} from user {user}"
            " (`POST /api/user/quota/{user}` with {body})."
        ),
        -1,
    ),
    Class.CREDITED_UNPAID: Kind(
        N_("Order {number} was credited, but the gateway says that it is not paid: {detail}"),
        TAKE,
        -1,
    ),
    Class.AMOUNT_DIFFERS: Kind(
        N_(
            "Order {number} is over {money} {currency}, but the gateway has another amount:"
            " {detail}"
        ),
        N_(
            "Remedy: compare both in the gateway's console; then credit what was paid, or refund"
            " it. The agent credits nothing."
        ),
    ),
    Class.UNKNOWN_ORDER: Kind(
        N_("The gateway reports order {number} as paid, but One API does not know it: {detail}"),
        N_("Remedy: look whose it is in the gateway's console; refund it if it is nobody's."),
    ),
    FORGED: Kind(
        N_("Callbacks whose signature is wrong were refused: {detail}"),
        N_(
            "Remedy: none if they are a stranger's: nothing is credited. If they are your"
            " gateway's, the key in the payment row is not the gateway's: copy it anew."
        ),
    ),
}


@dataclass(frozen=True)
class Case:
    """A case, with all that its text needs."""

    number: str
    kind: str
    order: Order | None
    detail: str


def when_done(number: str) -> str:
    """How a case that a human has dealt with is closed."""
    return _("When it is done: `one-api-infra order {number} --done`", number=number)


def lines(case: Case) -> tuple[str, str]:
    """Cause and remedy in the operator's language."""
    kind, order = KINDS[case.kind], case.order
    quota = order.quota if order else 0
    body = json.dumps({"quota": kind.sign * quota, "remark": case.number})
    values = {
        "number": case.number,
        "detail": case.detail or "-",
        "user": order.user if order else "-",
        "quota": quota,
        "money": order.money if order else "-",
        "currency": order.currency if order else "",
        "body": body,
    }
    return _(kind.cause, **values), _(kind.remedy, **values)
