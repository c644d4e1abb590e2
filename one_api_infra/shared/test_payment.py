"""A test payment: the steps from an order to its credit, as the server sees and a terminal shows.

Crosses the wire as one JSON object a line, each time that something is known anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from one_api_infra.shared.server_observation import Tested
from one_api_infra.shared.texts import N_, _

DAY = 86_400


class StepState(StrEnum):
    """``UNKNOWN`` is what nobody can tell here; it speaks neither for nor against the site."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Step:
    """``words`` say what was seen, in the operator's language."""

    name: str
    state: str = StepState.WAITING
    words: str = ""


@dataclass(frozen=True)
class TestPayment:
    """One payment row's. ``link`` is for the payer; ``is_code``: as a QR code, no browser opens it.

    ``money`` is empty while there is no order.
    """

    __test__ = False  # pytest takes a name with Test for one

    row: str
    title: str
    gateway: str
    number: str
    money: str
    currency: str
    link: str
    is_code: bool
    steps: tuple[Step, ...]
    is_over: bool

    @property
    def failed(self) -> str:
        """The name of the step that failed; empty if none did."""
        found = (each.name for each in self.steps if each.state == StepState.FAILED)
        return next(found, "")


# In their order. A step that fails ends it, but for the page, which no credit needs.
STEPS = {
    "order": N_("One API made an order"),
    "notify_url": N_("the gateway was told the callback domain"),
    "return_url": N_("the payer's page returns to the site"),
    "paid": N_("the gateway says that it is paid"),
    "callback": N_("the callback has arrived"),
    "signature": N_("its signature is right"),
    "answer": N_("One API has taken it"),
    "credited": N_("the order is credited"),
    "quota": N_("the quota has grown by the order's"),
}


def proved(tested: Iterable[Tested], now: float) -> str:
    """When each payment row was last proved by a payment; empty if none was."""
    rows = [
        _("{row}, {days} days ago", row=each.title, days=max(int((now - each.at) / DAY), 0))
        for each in tested
        if not each.step
    ]
    return _("last proved by a payment: {rows}", rows="; ".join(rows)) if rows else ""
