"""The page: orders, and a button for each thing that gateways do."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, select_autoescape

from one_api_infra.lab.local.acts import ACTS, Event
from one_api_infra.lab.local.shop import Shop
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.gateways.gateway import Account
from one_api_infra.server.callbacks.order import Order, Status
from one_api_infra.shared.texts import N_, translations

STATUS = {
    Status.PENDING: N_("pending"),
    Status.SUCCESS: N_("credited"),
    Status.CLOSED: N_("closed by One API"),
    Status.FAILED: N_("failed"),
}


@dataclass(frozen=True)
class Choice:
    """A button that makes an order."""

    row: str
    title: str


@dataclass(frozen=True)
class Line:
    """An event as it is shown."""

    time: str
    act: str
    status: int
    answer: str


@dataclass(frozen=True)
class Row:
    """An order as it is shown."""

    number: str
    gateway: str
    money: str
    status: str
    status_title: str
    events: tuple[Line, ...]
    return_url: str = ""


def row(order: Order, account: Account, events: Iterable[Event], given: Mapping[str, str]) -> Row:
    """An order with what was done to it, newest first."""
    lines = tuple(
        Line(time.strftime("%H:%M:%S", time.localtime(each.at)), each.act, each.status, each.answer)
        for each in events
        if each.number == order.number
    )
    return Row(
        order.number,
        GATEWAYS[account.gateway].title,
        f"{order.money:.2f} {order.currency}",
        order.status.value,
        STATUS[order.status],
        lines,
        _safe(given.get("return_url", "")),
    )


def _safe(url: str) -> str:
    """A link that a browser only follows."""
    return url if url.startswith(("http://", "https://")) else ""


@dataclass(frozen=True)
class Page:
    """What stays the same from look to look. ``here`` is this program's own URL."""

    shop: Shop
    here: str
    roots: str

    def render(self, rows: list[Row], language: str, chosen: str = "", problem: str = "") -> str:
        """All orders, or the ``chosen`` one."""
        environment = Environment(
            autoescape=select_autoescape(default=True), undefined=StrictUndefined
        )
        source = (files("one_api_infra.lab.local") / "page.html.j2").read_text(encoding="utf-8")
        shown = [each for each in rows if not chosen or each.number == chosen]
        return environment.from_string(source).render(
            _=_translated(language),
            language=language,
            edition=self.shop.api.edition.title,
            url=self.shop.api.base,
            problem=problem,
            accounts=self._choices() if not problem else [],
            refused=self.shop.refused,
            needs_proxy=self.shop.api.edition.payment_rows,
            here=self.here,
            roots=self.roots,
            acts=ACTS,
            rows=shown,
            chosen=shown[0] if chosen and shown else None,
        )

    def _choices(self) -> list[Choice]:
        return [Choice(each.row, GATEWAYS[each.gateway].title) for each in self.shop.accounts()]


def _translated(language: str) -> "object":
    def translated(message: str, **values: object) -> str:
        text = translations(language).gettext(message)
        return text.format(**values) if values else text

    return translated
