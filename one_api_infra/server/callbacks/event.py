"""A judged callback as people see it go by."""

from one_api_infra.server.callbacks.intake import Judged
from one_api_infra.shared import foreign
from one_api_infra.shared.callback_event import CallbackEvent

ANSWER = 60  # characters


def event(judged: Judged) -> CallbackEvent:
    """Without its body and signature; what strangers wrote is cut and made printable."""
    callback, claim = judged.callback, judged.claim
    return CallbackEvent(
        id=foreign.line(callback.id),
        at=callback.at,
        gateway=judged.gateway,
        number=foreign.line(claim.number),
        money=None if claim.money is None else str(claim.money),
        currency=foreign.line(claim.currency),
        is_genuine=claim.is_genuine,
        is_paid=claim.is_paid,
        is_accepted=judged.is_accepted,
        status=callback.status,
        answer=foreign.line((callback.answer or b"").decode(errors="replace"), ANSWER),
        milliseconds=round(callback.seconds * 1000),
        client=foreign.line(callback.client),
    )
