"""When a gateway is asked, and when a callback is sent again: pure. All times in seconds."""

from collections import Counter
from collections.abc import Iterable

from one_api_infra.server.callbacks.order import Order

FIRST = 60.0
# Ages at which a gateway is asked about an unsettled order. The callback service runs every
# 20 s at best; One Hub closes orders after 3 hours, gateways keep them a day or more.
ASK_AT = (60, 120, 240, 480, 900, 1800, 3600, 7200, 10200, 21600, 43200, 86400)
HORIZON = 26 * 3600.0
BACK_OFF = 15.0
LONGEST = 600.0
LEASE = 60.0  # what One API may take for a callback; a sending that died is looked at after it
SETTLE = 10.0  # an answer of "success" may stand before the order's row does


def ask_due(
    created: float, asked: float | None, now: float, outage_ended: float = 0.0,
    since: float | None = None,
) -> bool:  # fmt: skip
    """Whether an order made at ``created`` and last asked for at ``asked`` is to be asked for.

    After an outage every order of the horizon is asked for once; ``since`` is when that begins.
    """
    age = now - created
    if age < FIRST or created < (now - HORIZON if since is None else since):
        return False
    if asked is None or asked < outage_ended:
        return True
    steps = [step for step in ASK_AT if step <= age]
    return bool(steps) and asked < created + steps[-1]


def resend_due(
    at: float, attempts: int, last: float | None, now: float, deadline: float | None
) -> bool:
    """Whether a callback of ``at``, sent again ``attempts`` times, is to be sent again."""
    if deadline is not None and now - at > deadline - 5:
        return False
    if last is None:
        return now - at >= SETTLE
    pause: float = min(BACK_OFF * 2 ** min(attempts - 1, 10), LONGEST)
    return last > now or now - last >= pause  # a clock may have been set back


def in_turn(orders: Iterable[Order]) -> list[Order]:
    """One order of each user after the other, so that one user's many delay nobody else's."""
    before: Counter[int] = Counter()
    turns: list[tuple[int, Order]] = []
    for order in orders:
        turns.append((before[order.user], order))
        before[order.user] += 1
    return [order for _turn, order in sorted(turns, key=lambda each: each[0])]
