"""Why an order stands as it does, in one sentence: pure, from what the ledger holds of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from one_api_infra.server.callbacks.audit import Class
from one_api_infra.server.callbacks.gateways.gateway import PaymentStatus, Reply
from one_api_infra.shared import foreign, silence
from one_api_infra.shared.texts import N_, _

TITLES = {
    Class.CREDITED: N_("credited"),
    Class.WAITING: N_("not paid"),
    Class.ABANDONED: N_("closed without a payment"),
    Class.PAID_PENDING: N_("paid, but pending"),
    Class.PAID_CLOSED: N_("paid, but closed by One API"),
    Class.CREDITED_UNPAID: N_("credited without a payment"),
    Class.CREDITED_TWICE: N_("credited more than once"),
    Class.SUCCESS_UNCREDITED: N_("a success without a credit"),
    Class.AMOUNT_DIFFERS: N_("the amount differs"),
    Class.UNKNOWN_ORDER: N_("unknown to One API"),
    Class.SETTLED: N_("settled by a person"),
}
WORDS = {
    PaymentStatus.PAID: N_("the gateway says: paid, {money} {currency}"),
    PaymentStatus.WAITING: N_("the gateway says: not paid"),
    PaymentStatus.CLOSED: N_("the gateway says: closed without a payment"),
    PaymentStatus.UNCLEAR: N_("the gateway contradicts itself: {reason}"),
    PaymentStatus.UNKNOWN: N_("the gateway does not tell whether it is paid: {reason}"),
    PaymentStatus.SILENT: N_("the gateway could not be asked: {reason}"),
}
ANSWERED = re.compile(r"^refused: (?P<status>[0-9]+) (?P<answer>.*)$", re.DOTALL)
LOST = {
    "silent": N_(
        "The gateway has not called: no callback of this order is in the log."
        " `one-api-infra status` shows whether it could."
    ),
    "waiting": N_("The gateway has not called, and says that the order is not paid."),
    "unreachable": N_("The gateway has not called, and could not be asked: {detail}"),
    "untold": N_("The gateway has not called, and does not tell whether it is paid: {detail}"),
    "unjudged": N_("A callback came, but nobody can judge it while One API does not answer."),
    "unclear": N_("The gateway contradicts itself, so nothing is credited: {detail}"),
    "invalid_signature": N_(
        "The callback's signature is wrong: the key in the payment row is not the gateway's,"
        " or somebody forged it."
    ),
    "no_row": N_("The callback is for a payment row that is gone: nobody can verify it."),
    "disabled": N_("The payment row is disabled in One API: enable it, and the callback is sent."),
    "down": N_("One API did not run when the callback came (HTTP {status})."),
    "slow": N_("One API did not answer the callback in time (HTTP {status})."),
    "limited": N_("One API's rate limit refused the callback (HTTP 429)."),
    "failed": N_(
        "One API failed over the callback (HTTP {status}). For Alipay and WeChat Pay One Hub does"
        " so after each start until somebody orders through that payment row: any order, or"
        " `one-api-infra test-payment`, ends it."
    ),
    "cut": N_("The gateway hung up before One API had answered (HTTP 499)."),
    "refused": N_(
        "One API refused the callback, though the payment row's key fits it: {answer}. It may have"
        " come late (a signature of WeChat Pay or Stripe holds for five minutes), or One Hub keeps"
        " a key as it was at its start: `systemctl restart one-api`, and order once by that row."
    ),
    "unpaid": N_("The gateway called, but to say that the order is not paid."),
    "dropped": N_("One API answered the callback with a yes, but the order is still pending."),
}
STATUSES = {502: "down", 503: "down", 504: "slow", 429: "limited", 499: "cut"}


@dataclass(frozen=True)
class Seen:
    """A callback as the ledger holds it."""

    status: int
    answer: bytes | None
    is_accepted: bool
    is_genuine: bool
    is_paid: bool
    has_row: bool
    is_judged: bool = True


def title(found: Class) -> str:
    """The class in words."""
    return _(TITLES[found])


def last_words(result: str, reply: Reply | None) -> str:
    """What One API and the gateway said last, for a case."""
    told = reply_text(reply) if reply else ""
    return "; ".join(filter(None, (act(result), told)))


def act(result: str) -> str:
    """What came of an act of ours, in words; empty if there was none."""
    found = ANSWERED.match(result)
    if found and found["status"] == "0":
        return _("One API did not answer")
    if found:
        answer = foreign.text(found["answer"]) or "-"
        return _("One API answered HTTP {status}: {answer}", status=found["status"], answer=answer)
    if result.startswith("refused: "):
        return _("One API answered: {answer}", answer=foreign.text(result[9:]))
    names = {
        "credited": _("One API has credited it"),
        "interrupted": _("interrupted; the order tells what came of it"),
    }
    return names.get(result, result)


def reply_text(reply: Reply) -> str:
    """What the gateway said when it was asked, in words."""
    money = "-" if reply.money is None else reply.money
    currency = foreign.text(reply.currency)
    reason = silence.words(reply.detail)
    text = _(WORDS[reply.status], money=money, currency=currency, reason=reason)
    return text.rstrip()


def loss(seen: Sequence[Seen], reply: Reply | None) -> str:
    """Why no callback has credited the payment, in words; never empty."""
    last = seen[-1] if seen else None
    if last is None:
        return _silent(reply)
    answer = foreign.text((last.answer or b"")[:80].decode("utf-8", "replace"))
    values = {"status": last.status, "answer": answer}
    kind = _kind(last) if last.is_judged else STATUSES.get(last.status, "unjudged")
    return _say(kind, **values)


def is_denied(reply: Reply | None) -> bool:
    """Whether the gateway itself says that nothing is paid."""
    return reply is not None and reply.status in {PaymentStatus.WAITING, PaymentStatus.CLOSED}


def _kind(last: Seen) -> str:
    if not last.has_row:
        return "no_row"
    if not last.is_genuine:
        return "invalid_signature"
    if last.status in STATUSES or last.status >= 500:
        return STATUSES.get(last.status, "failed")
    if b"payment not found" in (last.answer or b""):
        return "disabled"
    if not last.is_paid:
        return "unpaid"
    return "dropped" if last.is_accepted else "refused"


def _silent(reply: Reply | None) -> str:
    if reply is None or reply.status is PaymentStatus.PAID:
        return _say("silent")
    kinds = {
        PaymentStatus.WAITING: "waiting",
        PaymentStatus.CLOSED: "waiting",
        PaymentStatus.UNCLEAR: "unclear",
        PaymentStatus.UNKNOWN: "untold",
        PaymentStatus.SILENT: "unreachable",
    }
    return _say(kinds[reply.status], detail=silence.words(reply.detail))


def _say(kind: str, **values: object) -> str:
    return _(LOST[kind], **values)
