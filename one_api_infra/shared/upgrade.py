"""A new release beside the old one: how far it has come, and where requests go. Pure, both sides.

The release starts as a second instance; nginx hands it what is new, and the old one ends what it
has begun. Then One API starts anew under its own unit, gets what is new, and the second instance
ends in the same way. So there is one instance, of one name and on one port, except meanwhile.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

PART = "upstream.conf"
# nginx speaks from here for payments: so One API's end of such a request can be told from others.
PAYMENTS_FROM = "127.0.0.2"


class Phase(StrEnum):
    """The steps, in their order."""

    STARTING = "starting"  # the second instance is started and proved
    HANDING = "handing"  # nginx goes over to it
    DRAINING = "draining"  # the old one ends what it has begun
    REPLACING = "replacing"  # One API starts anew, of the new release
    RETURNING = "returning"  # nginx goes back to it
    ENDING = "ending"  # the second instance ends what it has begun


HANDED = (Phase.DRAINING, Phase.REPLACING, Phase.RETURNING, Phase.ENDING)
BESIDE = (Phase.DRAINING, Phase.REPLACING)  # the second instance has what is new


@dataclass(frozen=True)
class Upgrade:
    """One that is on its way; times are seconds since 1970, ``boot`` is the kernel's boot id.

    ``files`` is the sum of the files that One API reads when it starts, ``streams`` are the open
    requests whose end is awaited, ``language`` is that of whoever began it.
    """

    release: str
    before: str
    phase: str  # a Phase
    began: float
    boot: str
    files: str
    drains_since: float = 0.0
    streams: int = 0
    language: str = "en"

    def at(self, phase: Phase, now: float) -> "Upgrade":
        """The same, one step further."""
        return replace(self, phase=phase, drains_since=now, streams=0)


def serving(upgrade: Upgrade | None, own: int, second: int) -> int:
    """The port of the instance that gets what is new."""
    return second if upgrade and upgrade.phase in BESIDE else own


def upstream(port: int, *, payments: int = 0, fallback: int = 0) -> str:
    """nginx' part that says where requests go.

    Payments may wait at another port for a moment. Where nothing listens, as after a reboot, the
    request goes to ``fallback``; a payment does not, since its gateway calls again.
    """
    second = f"    server 127.0.0.1:{fallback} backup;\n" if fallback else ""
    # Else one failure sends all that is new to the old one for ten seconds.
    stays = " max_fails=0" if fallback else ""
    return (
        # An address: a name would be looked up at the start, and "localhost" is ::1 first.
        f"upstream one_api {{\n    server 127.0.0.1:{port}{stays};\n{second}    keepalive 64;\n}}\n"
        # Not kept open: a connection is a payment under way.
        f"upstream one_api_payments {{\n    server 127.0.0.1:{payments or port};\n}}\n"
    )


def served(upgrade: Upgrade | None, own: int, second: int) -> str:
    """nginx' part as it is to be now, but for the moments of a hand-over."""
    is_beside = upgrade is not None and upgrade.phase in BESIDE
    return upstream(second, fallback=own) if is_beside else upstream(own)
