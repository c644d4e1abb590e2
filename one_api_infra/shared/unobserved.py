"""What could not be looked at, and why: it stands where the value would."""

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Unobserved:
    """In the place of what could not be looked at: why not.

    ``fault`` is the one of the check ``system.agent`` that tells of it, where all is unseen.
    """

    unseen: str
    fault: str = ""


NOBODY_ASKED = Unobserved("", "outside")


class NotObservedError(Exception):
    """A check needs what could not be looked at."""

    def __init__(self, unseen: Unobserved) -> None:
        super().__init__(unseen.unseen)
        self.unseen = unseen


def observed(part: T | Unobserved) -> T:
    """What was seen; NotObservedError where it could not be."""
    if isinstance(part, Unobserved):
        raise NotObservedError(part)
    return part
