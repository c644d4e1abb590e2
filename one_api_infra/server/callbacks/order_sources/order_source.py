"""One API's orders: its gateways' accounts with their keys, its orders, what it credited.

Through One API's own API, so that every database is the same. Calls raise ApiError.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from one_api_infra.server.callbacks.gateways.gateway import Account
from one_api_infra.server.callbacks.order import Correction, Credit, Order, QuotaDisplay
from one_api_infra.shared.editions.edition import Edition

PAGE = 100


class OrderSource(Protocol):
    """What the callback service reads of One API.

    ``can_complete`` says whether it completes orders itself; ``is_blind``, after ``accounts`` was
    called, whether there is an account whose key could not be read, and ``display`` how its pages
    take quota.
    """

    can_complete: bool
    is_blind: bool
    edition: Edition
    display: QuotaDisplay

    def accounts(self) -> Sequence[Account]:
        """The gateways' accounts."""

    def orders(self, since: float) -> Iterator[Order]:
        """Orders since a time, and all that may yet be paid."""

    def order(self, number: str) -> Order | None:
        """One order as it is now."""

    def credits(self, since: float) -> Iterator[Credit]:
        """Credits since a time."""

    def credits_of(self, number: str) -> Sequence[Credit]:
        """One order's credit, where an order tells it; it may be older than what is read."""

    def corrections(self, since: float) -> Iterator[Correction]:
        """What people added to users' quota and took since a time."""

    def is_gone(self, row: str) -> bool:
        """Whether a payment row is there no more, after ``accounts`` was called."""

    def close_overdue(self) -> None:
        """Let One API close the pending orders that it holds for over, where it does."""

    def complete(self, number: str) -> str:
        """Let One API complete a paid order, where it can; what it answered."""
