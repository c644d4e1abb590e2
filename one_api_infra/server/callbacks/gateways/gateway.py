"""What a payment gateway is to the service: how it notifies, how it is asked, what it said."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from one_api_infra.shared.callback import Callback
from one_api_infra.shared.secret import Secret

MOST = Decimal(10) ** 12  # no payment; and what is divided later must not overflow


class PaymentStatus(StrEnum):
    """What a gateway says of a payment; ``UNCLEAR`` is a "paid" that contradicts itself.

    ``UNKNOWN``: it answered, but not to the question; ``SILENT``: not at all, or it refused.
    """

    PAID = "paid"
    WAITING = "waiting"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    UNCLEAR = "unclear"
    SILENT = "silent"

    @property
    def tells(self) -> bool:
        """Whether it says anything of the payment."""
        return self not in (PaymentStatus.UNKNOWN, PaymentStatus.SILENT)


@dataclass(frozen=True)
class Account:
    """A merchant's account at a gateway, as One API's payment row (or its options) holds it.

    ``title`` is the row's id and name, for people.
    """

    gateway: str
    row: str
    merchant: str
    path: str
    public: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    is_enabled: bool = True
    title: str = ""

    def reveal(self, name: str) -> str:
        """A secret, for a signature."""
        return self.secrets[name].reveal() if name in self.secrets else ""


@dataclass(frozen=True)
class Claim:
    """What a callback says. ``money`` is in units of its currency, None if it names none."""

    number: str
    gateway_number: str
    money: Decimal | None
    currency: str
    merchant: str
    is_paid: bool
    is_genuine: bool
    is_test: bool = False


@dataclass(frozen=True)
class Reply:
    """A gateway's answer to a question about one order."""

    status: PaymentStatus
    number: str
    gateway_number: str = ""
    money: Decimal | None = None
    currency: str = ""
    merchant: str = ""
    detail: str = ""


@dataclass(frozen=True)
class CallbackRequest:
    """A callback that can be sent to One API: method, URI, headers and body."""

    method: str
    uri: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class AskError(Exception):
    """The gateway gave no usable answer; the message holds no secret."""


class Gateway(ABC):
    """One kind of gateway.

    ``title`` is what people call it, ``needed`` the entries of a payment row's config without which
    it cannot work (the names are one-hub's, payment/gateway/*); without those of ``verified_by`` it
    asks, and One API refuses its callbacks.
    ``deadline`` is how many seconds old a callback may be when One API gets it; its signature is
    refused later. None: it never ages. ``asks``: it can be asked for one order.
    ``is_completed``: what One API's own completion credits is what the callback would.
    ``can_sign`` says whether the merchant's own key makes a notification; else a payment can be
    sent to One API only as it was recorded.
    """

    kind: str
    title: str
    needed: tuple[str, ...]
    verified_by: tuple[str, ...] = ()
    asks: bool = True
    is_completed: bool = True
    can_sign: bool = False
    deadline: float | None = None
    currency: str = "CNY"

    @abstractmethod
    def account(self, row: str, path: str, config: Mapping[str, object]) -> Account:
        """The account that a payment row's config describes."""

    def harms(self, config: Mapping[str, object]) -> bool:
        """Whether One API would end at an order with these settings."""
        return False

    @abstractmethod
    def claim(self, callback: Callback, account: Account) -> Claim | None:
        """What a callback says; None if it is none of this gateway's (a probe, a bare call)."""

    @abstractmethod
    def is_accepted(self, status: int, answer: bytes | None, length: int) -> bool:
        """Whether One API's answer says that it took the callback."""

    def ask(self, account: Account, number: str, created: float) -> Reply:
        """Ask the gateway about an order made at ``created``; AskError if it does not tell."""
        raise AskError("it has no question")

    def listed(self, account: Account, since: float) -> Iterator[Reply]:
        """Its orders since a time or longer, newest first; none where it keeps no list to ask for.

        AskError if it does not tell.
        """
        return iter(())

    def callback_request(self, account: Account, reply: Reply) -> CallbackRequest | None:
        """The signed notification of a payment, where the merchant's own key makes one."""
        return None


def money(text: object) -> Decimal | None:
    """An amount as a gateway writes it (``1`` and ``1.00`` are the same)."""
    try:
        amount = Decimal(str(text).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < MOST else None


def split(config: Mapping[str, object], *secret: str) -> tuple[dict[str, str], dict[str, Secret]]:
    """A payment row's config: what may be shown, and what may not."""
    texts = {name: str(value).strip() for name, value in config.items() if value}
    shown = {name: text for name, text in texts.items() if name not in secret}
    return shown, {name: Secret(texts[name]) for name in secret if name in texts}
