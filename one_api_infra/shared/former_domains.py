"""Domains that the site had before: their callback routes are served as long as somebody calls.

An order is paid at the address that its gateway was told when it was made. A gateway that cannot
be asked credits it by its callback alone, so the old name must answer until then.
"""

import re
from collections.abc import Iterable, Sequence

from one_api_infra.shared.certificate import Certificate

# Seconds after which no gateway calls for an order any more: Stripe's page of payment lives a day,
# and it retries for three (docs.stripe.com/webhooks); Alipay and WeChat Pay retry for one.
GIVE_UP = 4 * 86400.0
PART = "former.conf"
BLOCK = re.compile(r"^# begin (\S+)\n.*?^# end \1\n", re.M | re.S)


def served(
    found: Sequence[Certificate], names: Iterable[str], now: float, *, lab: bool
) -> tuple[Certificate, ...]:
    """The certificates of earlier domains that can still be served: none of the site's own names.

    Of two for the same name the newer one counts.
    """
    taken, chosen = set(names), []
    for each in sorted(found, key=lambda one: -one.not_before):
        is_fit = each.is_valid(now) and (lab or not each.self_signed)
        if is_fit and (new := set(each.host_names) - taken):
            taken |= new
            chosen.append(each)
    return tuple(sorted(chosen, key=lambda one: one.name))


def is_awaited(created: Iterable[float], since: float, now: float) -> bool:
    """Whether a pending order that was made before the change may still be called for."""
    return any(made <= since and now - made < GIVE_UP for made in created)


def without(text: str, names: Iterable[str]) -> str:
    """nginx' part of the earlier domains, without the blocks of some."""
    gone = set(names)
    return BLOCK.sub(lambda match: "" if match[1] in gone else match[0], text)
