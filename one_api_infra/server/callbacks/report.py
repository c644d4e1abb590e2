"""The report: one HTML page for a browser that reaches nothing else, without a script.

What is asked first stands first: does something wait for me, what came in today, what was saved.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

from one_api_infra.server.callbacks import auditor, cases, diagnosis, figures, tests
from one_api_infra.server.callbacks.cases import Case
from one_api_infra.server.callbacks.figures import AGENT, DAYS, Amounts, Payment
from one_api_infra.server.callbacks.gateways import GATEWAYS
from one_api_infra.server.callbacks.ledger import Ledger
from one_api_infra.shared import test_payment
from one_api_infra.shared.clock import zone
from one_api_infra.shared.texts import N_, _, language

FIRST, SHOWN = 5, 100  # rows of a list at once, and when it is unfolded; the rest is counted
RECONCILED = 20
WAYS = {
    "callback": N_("by callback"),
    "replay": N_("by replay"),
    "reconcile": N_("by asking"),
    "hand": N_("by hand"),
    "unseen": N_("unseen"),
}
FATES = {"accepted": N_("accepted"), "refused": N_("refused"), "failed": N_("not answered")}
SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€"}
WEEKDAYS = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))


@dataclass(frozen=True)
class Group:
    """Cases of one kind with one remedy, and their orders as far as they are shown."""

    title: str
    remedy: str
    rows: Sequence[Case]
    count: int
    amount: str

    @property
    def more(self) -> int:
        """How many are not shown at once."""
        return self.count - min(len(self.rows), FIRST)


def page(
    ledger: Ledger, domain: str, now: float, certificate_ends: float | None, time_zone: str = "UTC"
) -> str:
    """The whole page, in the operator's language and the site's time zone."""
    # Heavy, and needed once a day.
    from jinja2 import Environment, StrictUndefined, select_autoescape  # noqa: PLC0415

    environment = Environment(autoescape=select_autoescape(default=True), undefined=StrictUndefined)
    source = (files("one_api_infra.server.callbacks") / "report.html.j2").read_text(
        encoding="utf-8"
    )
    here = zone(time_zone)
    today = figures.midnight(now, here)
    since = (today - timedelta(days=DAYS - 1)).timestamp()
    paid = figures.payments(ledger, since)
    groups = grouped(auditor.opened(ledger))
    return environment.from_string(source).render(
        _=_,
        language=language().replace("_", "-"),
        domain=domain,
        made=f"{datetime.fromtimestamp(now, here):%Y-%m-%d %H:%M}",
        time_zone=time_zone,
        heads=_heads(paid, now, today),
        gateways=_gateways(paid, today),
        groups=groups,
        first=FIRST,
        tested=test_payment.proved(tests.read(ledger), now),
        waiting=sum(group.count for group in groups),
        days=_days(figures.days(paid, figures.answers(ledger), now, here)),
        speed=_speed(paid),
        delays=_delays(paid),
        facts=_facts(ledger, since, now, certificate_ends),
        reconciled=_reconciled(paid, here),
        classes=[(diagnosis.title(kind), count) for kind, count in figures.classes(ledger, since)],
    )


def money(amounts: Amounts) -> str:
    """Amounts for people: ``¥1,234.50``."""
    shown = (f"{SIGNS.get(name, name + ' ')}{sum_:,.2f}" for name, sum_ in amounts.items())
    return " + ".join(shown) or "0"


def grouped(opened: Sequence[Case]) -> list[Group]:
    """Cases by what they are and what is to be done, the most numerous first."""
    kinds: dict[tuple[str, str], list[Case]] = {}
    for case in opened:
        kinds.setdefault((case.kind, case.remedy), []).append(case)
    return sorted(map(_group, kinds.values()), key=lambda group: -group.count)


def _group(found: Sequence[Case]) -> Group:
    cause, remedy = cases.lines(found[0])
    first = found[0]
    if len(found) == 1:
        return Group(cause, remedy, [], 1, "") if not first.order else _single(cause, remedy, first)
    sums: dict[str, Decimal] = {}
    for case in found:
        if case.order:
            name = case.order.currency
            sums[name] = sums.get(name, Decimal()) + (case.order.money or 0)
    title, text = cases.title(first.kind), cases.in_general(first.remedy)
    return Group(title, text, found[:SHOWN], len(found), money(sums) if sums else "")


def _single(cause: str, remedy: str, case: Case) -> Group:
    known = case.order.money if case.order else None
    amount = money({case.order.currency: known}) if case.order and known is not None else ""
    return Group(cause, remedy, [case], 1, amount)


def _heads(paid: Sequence[Payment], now: float, today: datetime) -> list[Mapping[str, Any]]:
    """The three figures that are looked at first, each with what it is compared with."""
    begin = today.timestamp()
    of_today = [each for each in paid if each.credited >= begin]
    before = [each for each in paid if begin - 86400 <= each.credited < now - 86400]
    saved = [each for each in paid if each.way in AGENT]
    return [
        _head(_("today"), of_today, _("yesterday by this time: {sum}", sum=_sum(before))),
        _head(_("the last {days} days", days=DAYS), paid, ""),
        _head(
            _("saved by the callback service, of that"),
            saved,
            _("paid, and not credited by a callback"),
        ),
    ]


def _head(name: str, found: Sequence[Payment], note: str) -> Mapping[str, Any]:
    count = _("payments: {count}", count=f"{len(found):,}")
    return {"name": name, "sums": _lines(figures.amounts(found)), "count": count, "note": note}


def _lines(amounts: Amounts) -> list[str]:
    return [money({currency: sum_}) for currency, sum_ in amounts.items()] or ["0"]


def _sum(found: Sequence[Payment]) -> str:
    return money(figures.amounts(found))


def _gateways(paid: Sequence[Payment], today: datetime) -> list[tuple[str, str, int, str, int]]:
    begin = today.timestamp()
    rows = []
    for name, found in figures.by_gateway(paid).items():
        of_today = [each for each in found if each.credited >= begin]
        title = _(GATEWAYS[name].title) if name in GATEWAYS else name
        rows.append((title, _sum(of_today), len(of_today), _sum(found), len(found)))
    return rows


def _days(found: Sequence[figures.Day]) -> list[Mapping[str, Any]]:
    # Sums of several currencies cannot be compared: the bars are those of the commonest.
    sums = Counter(name for day in found for name in day.amounts)
    main = max(sums, key=lambda name: (sums[name], name), default="")
    most = max((day.amounts.get(main, Decimal()) for day in found), default=Decimal()) or 1
    return [
        {
            "name": f"{_(WEEKDAYS[day.begin.weekday()])} {day.begin:%m-%d}",
            "width": round(100 * float(day.amounts.get(main, Decimal()) / most), 1),
            "sums": _lines(day.amounts),
            "count": day.count,
            "answered": "-" if day.answered is None else _percent(day.answered),
            "hours": [
                (f"{hour:02}:00", "none" if part is None else _grade(part), part)
                for hour, part in enumerate(day.hours)
            ],
        }
        for day in found
    ]


def _grade(part: float) -> str:
    return "good" if part >= 1 else "fair" if part >= 0.9 else "poor"


def _percent(part: float) -> str:
    # 99.995 % is not all of it.
    return f"{int(part * 10000) / 100:.2f} %" if part < 1 else "100 %"


def _speed(paid: Sequence[Payment]) -> str:
    found = figures.shares([each.delay for each in paid if each.way != "unseen"])
    if not found:
        return ""
    half, most, slowest = map(_duration, found)
    return _(
        "Half of the payments were credited within {half}, 95 % within {most}, 99 % within"
        " {slowest}.",
        half=half, most=most, slowest=slowest,
    )  # fmt: skip


def _duration(seconds: float) -> str:
    if seconds < 10:
        return _("{count} s", count=f"{max(seconds, 0.1):.2g}")
    if seconds < 120:
        return _("{count} s", count=f"{seconds:.0f}")
    if seconds < 2 * 3600:
        return _("{count} min", count=f"{seconds / 60:.0f}")
    return _("{count} h", count=f"{seconds / 3600:.3g}")


def _delays(paid: Sequence[Payment]) -> list[tuple[str, int, float, float]]:
    """Label, count, and the widths of what callbacks and what the service credited, in percent."""
    found = figures.delays([each for each in paid if each.way != "unseen"])
    most = max((count for _limit, count, _reconciled in found), default=0) or 1
    last = _duration(figures.LIMITS[-1])
    return [
        (
            _("within {limit}", limit=_duration(limit))
            if limit
            else _("after {limit}", limit=last),
            count,
            round(100 * (count - reconciled) / most, 1),
            round(100 * reconciled / most, 1),
        )
        for limit, count, reconciled in found
    ]


def _facts(ledger: Ledger, since: float, now: float, ends: float | None) -> list[tuple[str, str]]:
    fates = figures.callbacks(ledger, since)
    told = ", ".join(f"{_(FATES[name])} {count:,}" for name, count in fates.items())
    left = f"{(ends - now) / 86400:.0f}" if ends else "-"
    return [(_("callbacks"), told), (_("certificate, days left"), left)]


def _reconciled(paid: Sequence[Payment], here: Any) -> list[tuple[str, str, str, str, str]]:
    found = [each for each in paid if each.way in AGENT][-RECONCILED:]
    return [
        (
            f"{datetime.fromtimestamp(each.credited, here):%m-%d %H:%M}",
            each.number,
            money({each.currency: each.money}),
            _(WAYS[each.way]),
            _duration(each.delay),
        )
        for each in reversed(found)
    ]
