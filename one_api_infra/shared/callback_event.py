"""A callback as people watch it go by: neither its body nor its signature."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from one_api_infra.shared.texts import _


@dataclass(frozen=True)
class CallbackEvent:
    """``at`` is in seconds since 1970; ``gateway`` is empty where no payment row is known for it,
    and then nobody can tell whether it is genuine. ``answer`` is One API's own, cut."""

    id: str
    at: float
    gateway: str
    number: str
    money: str | None
    currency: str
    is_genuine: bool
    is_paid: bool
    is_accepted: bool
    status: int
    answer: str
    milliseconds: int
    client: str


def line(event: CallbackEvent, zone: tzinfo) -> str:
    """For a terminal."""
    moment = datetime.fromtimestamp(event.at, zone)
    money = f"{event.money} {event.currency}".strip() if event.money else "-"
    return (
        f"{moment:%H:%M:%S}  {event.gateway or '?':8} {event.number or '-':28} {money:>14}"
        f"  {_signature(event)}, {_answer(event)}, {event.milliseconds} ms, {event.client}"
        f"  {event.id}"
    )


def _signature(event: CallbackEvent) -> str:
    if not event.gateway:
        return _("no payment row of that name")
    if not event.is_genuine:
        return _("signature WRONG")
    return _("signature right") if event.is_paid else _("signature right, not paid")


def _answer(event: CallbackEvent) -> str:
    if event.is_accepted:
        return _("taken")
    return _("NOT taken: {answer}", answer=f"HTTP {event.status} {event.answer}".strip())
