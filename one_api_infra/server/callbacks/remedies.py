"""What the admin does about a case, to the letter: one remedy for each.

While One API may still credit an order (its row is enabled, its gateway calls again, the database
is writable once more), nothing is to be added by hand: nobody could take that back in time.
"""

from collections.abc import Mapping
from enum import StrEnum

from one_api_infra.shared.texts import N_

ONE_HUB, NEW_API = "one-hub", "new-api"


class Remedy(StrEnum):
    """What the admin does about a case."""

    ENABLE = "enable"
    WAIT = "wait"
    CLOSE = "close"
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


# By remedy, and by edition where the steps are not the same.
REMEDIES: Mapping[tuple[str, str], str] = {
    (Remedy.ENABLE, ""): N_(
        "Remedy: enable the payment row “{payment}” in One API (`PUT /api/payment/` with"
        " {enable}); the callback service then sends the callback by itself, within a minute. Add"
        " no quota by"
        " hand: that would be a second credit."
    ),
    (Remedy.WAIT, ""): N_(
        "Remedy: mend what is named here; the callback service sends the callback again by"
        " itself. Add no"
        " quota by hand while the order is pending: One API would credit it a second time. If One"
        " API closes the order, this case tells how much to add."
    ),
    (Remedy.CLOSE, ""): N_(
        "Remedy: none yet: One API takes the recorded callback no more, for its signature has aged."
        " One API closes the order within a day; then this case"
        " tells how much to add. Add none before: the gateway may call again."
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
        "Remedy: somebody added {amount} (a quota of {quota}) to user {user} by hand, without"
        " naming an order, so nothing more is sent. If it was for this order:"
        " `one-api-infra order {number} --done`. If it was not:"
        " `one-api-infra order {number} --send`."
    ),
    (Remedy.ADD, ONE_HUB): N_(
        "Remedy: in One API, Users, user {user}, change quota: {amount} (a quota of {quota}),"
        " remark {number}"
        " (`POST /api/user/quota/{user}` with {body}). The case ends when that stands in the log."
    ),
    (Remedy.ADD, NEW_API): N_(
        "Remedy: in New API, Users, user {user}, Adjust Quota, add {amount} (a quota of {quota})"
        " (`POST /api/user/manage` with {body})."
    ),
    (Remedy.COMPARE, ONE_HUB): N_(
        "Remedy: One API died between the order, the quota and the log; compare the balance of user"
        " {user} with its log. If {amount} (a quota of {quota}) is missing, add it, remark {number}"
        " (`POST /api/user/quota/{user}` with {body}); if it is there, say so:"
        " `one-api-infra order {number} --done`."
    ),
    (Remedy.COMPARE, NEW_API): N_(
        "Remedy: New API died between the order, the quota and the log; compare the balance of user"
        " {user} with its log. If {amount} (a quota of {quota}) is missing, add it"
        " (`POST /api/user/manage` with {body})."
    ),
    (Remedy.TAKE, ONE_HUB): N_(
        "Remedy: in One API, Users, user {user}, change quota: -{amount} (a quota of -{quota}),"
        " remark {number}"
        " (`POST /api/user/quota/{user}` with {body}). The case ends when that stands in the log."
    ),
    (Remedy.TAKE, NEW_API): N_(
        "Remedy: in New API, Users, user {user}, Adjust Quota, subtract {amount} (a quota of"
        " {quota}) (`POST /api/user/manage` with {body})."
    ),
    (Remedy.LOOK, ONE_HUB): N_(
        "Remedy: look at the payment in the gateway's console. If it is not there, take {amount} (a"
        " quota of {quota}) from user {user} (`POST /api/user/quota/{user}` with {body}) and change"
        " the gateway's key; if it is there: `one-api-infra order {number} --done`."
    ),
    (Remedy.LOOK, NEW_API): N_(
        "Remedy: look at the payment in the gateway's console. If it is not there, take {amount} (a"
        " quota of {quota}) from user {user} (`POST /api/user/manage` with {body}) and change the"
        " gateway's key."
    ),
    (Remedy.AMOUNT, ""): N_(
        "Remedy: compare both in the gateway's console and agree with the customer; what was paid"
        " cannot be told in quota here, and the callback service credits nothing."
    ),
    (Remedy.WHOSE, ""): N_(
        "Remedy: look whose it is in the gateway's console; refund it if it is nobody's."
    ),
    (Remedy.KEY, ONE_HUB): N_(
        "Remedy: none if they are a stranger's: nothing is credited. If they are your gateway's,"
        " the key in the payment row is not the gateway's: copy it anew. Alipay's and WeChat Pay's"
        " are kept as they were at the first order: for these `systemctl restart one-api`, and"
        " then order once by that row (`one-api-infra test-payment`), for until then its callbacks"
        " fail."
    ),
    (Remedy.KEY, NEW_API): N_(
        "Remedy: none if they are a stranger's: nothing is credited. If they are your gateway's,"
        " the key in New API's payment settings is not the gateway's: copy it anew."
    ),
}
# For many cases at once: what is to be done, and where the sums stand.
IN_GENERAL: Mapping[str, str] = {
    Remedy.ENABLE: N_(
        "Enable the payment row in One API; the callback service then sends all of these. Add no"
        " quota by"
        " hand."
    ),
    Remedy.WAIT: N_(
        "Mend the cause (`one-api-infra status`); the callback service then sends all of these."
        " Add no quota"
        " by hand."
    ),
    Remedy.CLOSE: N_("Wait a day, until One API has closed them: then what to add stands here."),
    Remedy.LATER: N_("Wait until One API has credited or closed them: then the sums stand here."),
    Remedy.WHOLE: N_("Press Complete Order beside each; then what is to be taken stands here."),
    Remedy.COMPLETE: N_(
        "Look each up in the gateway's console, and press Complete Order beside what is paid."
    ),
    Remedy.HELD: N_(
        "Somebody added the same quota by hand: say of each `one-api-infra order NUMBER --done` or"
        " `--send`."
    ),
    Remedy.ADD: N_("Add each quota to its user, with the order's number as the remark."),
    Remedy.COMPARE: N_(
        "Compare each user's balance with the log, and add the quota only where it is missing, with"
        " the order's number as the remark."
    ),
    Remedy.TAKE: N_("Take each quota from its user, with the order's number as the remark."),
    Remedy.LOOK: N_(
        "Look each up in the gateway's console; take the quota of those that are not there, and"
        " change the gateway's key."
    ),
    Remedy.AMOUNT: N_("Compare the amounts in the gateway's console, and agree with the customer."),
    Remedy.WHOSE: N_("Look whose they are in the gateway's console; refund what is nobody's."),
    Remedy.KEY: N_("None if they are a stranger's; if not, copy the gateway's key anew."),
}


def is_acted(chosen: str) -> bool:
    """Whether a remedy is something that the admin does and then says ``--done`` of."""
    return chosen not in {
        *(Remedy.ENABLE, Remedy.WAIT, Remedy.CLOSE, Remedy.LATER, Remedy.WHOLE, Remedy.HELD),
    }
