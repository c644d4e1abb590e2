"""The report: one HTML page with its plots in it, for a browser that reaches nothing else."""

import datetime
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise

from one_api_infra.callbacks import auditor, cases, diagnosis
from one_api_infra.callbacks.audit import Class
from one_api_infra.callbacks.ledger import Ledger
from one_api_infra.callbacks.mend import CREDITED
from one_api_infra.texts import N_, _, language

DAYS = 7
HOUR = 3600
SHARES = (0.5, 0.95, 0.99)
KINDS = {"taken": N_("taken"), "refused": N_("refused"), "failed": N_("not answered")}
COLOURS = {"taken": "#2e7d32", "refused": "#f9a825", "failed": "#c62828"}
WAYS = {"callback": N_("by callback"), "replay": N_("by replay"), "reconcile": N_("by asking")}


@dataclass(frozen=True)
class Payment:
    """A credited order: when it was paid (as far as was seen), when credited, and how."""

    number: str
    paid: float
    credited: float
    way: str

    @property
    def delay(self) -> float:
        """Seconds from payment to credit."""
        return max(self.credited - self.paid, 0.0)


def page(ledger: Ledger, domain: str, now: float, certificate_ends: float | None) -> str:
    """The whole page, in the operator's language."""
    # Heavy, and needed once a day.
    from jinja2 import Environment, StrictUndefined, select_autoescape  # noqa: PLC0415

    environment = Environment(autoescape=select_autoescape(default=True), undefined=StrictUndefined)
    source = (files("one_api_infra") / "callbacks" / "report.html.j2").read_text(encoding="utf-8")
    since = now - DAYS * 86400
    paid = payments(ledger, since)
    return environment.from_string(source).render(
        _=_,
        language=language().replace("_", "-"),
        domain=domain,
        made=f"{datetime.datetime.fromtimestamp(now, datetime.UTC):%Y-%m-%d %H:%M} UTC",
        days=DAYS,
        figures=_figures(ledger, since, paid, now, certificate_ends),
        plots=[_callbacks(ledger, since, now), _delays(paid)],
        cases=[cases.lines(case) for case in auditor.opened(ledger)],
        mended=[each for each in paid if each.way != "callback"][-50:],
        ways={name: _(text) for name, text in WAYS.items()},
        classes=_classes(ledger, since),
    )


def payments(ledger: Ledger, since: float) -> list[Payment]:
    """What was credited since a time, oldest first."""
    query = (
        "SELECT orders.number AS number, orders.created AS created,"
        " (SELECT min(at) FROM callbacks WHERE callbacks.number = orders.number"
        "   AND is_genuine AND is_paid) AS called,"
        " (SELECT min(at + seconds) FROM callbacks WHERE callbacks.number = orders.number"
        "   AND is_genuine AND is_paid AND is_taken) AS taken,"
        " acts.kind AS kind, acts.ended AS ended FROM orders LEFT JOIN acts"
        "   ON acts.number = orders.number AND acts.result = ?"
        " WHERE orders.class = ? AND created >= ? ORDER BY created"
    )
    rows = ledger.db.execute(query, (CREDITED, Class.CREDITED.value, since)).fetchall()
    return [found for row in rows if (found := _payment(row))]


def _payment(row: sqlite3.Row) -> Payment | None:
    if row["kind"]:
        return Payment(row["number"], row["called"] or row["created"], row["ended"], row["kind"])
    if row["taken"]:
        return Payment(row["number"], row["called"], row["taken"], "callback")
    return None


def shares(values: Sequence[float]) -> tuple[float, ...]:
    """Median, 95th and 99th percentile (nearest rank); nothing of nothing."""
    ordered = sorted(values)
    if not ordered:
        return ()
    return tuple(ordered[min(int(share * len(ordered)), len(ordered) - 1)] for share in SHARES)


def _figures(
    ledger: Ledger, since: float, paid: Sequence[Payment], now: float, ends: float | None
) -> Mapping[str, str]:
    count = ledger.db.execute("SELECT count(*) FROM callbacks WHERE at >= ?", (since,)).fetchone()[
        0
    ]
    ways = {way: sum(each.way == way for each in paid) for way in WAYS}
    runs, down = ledger.db.execute(
        "SELECT sum(runs), sum(down) FROM hours WHERE hour >= ?", (int(since // HOUR),)
    ).fetchone()
    delays = " / ".join(f"{each:.1f} s" for each in shares([each.delay for each in paid])) or "-"
    return {
        _("callbacks"): str(count),
        _("credited payments"): str(len(paid)),
        **{_(text): str(ways[way]) for way, text in WAYS.items()},
        _("open cases"): str(len(auditor.opened(ledger))),
        _("payment to credit (median / p95 / p99)"): delays,
        _("One API answered"): f"{100 * (1 - down / runs):.2f} %" if runs else "-",
        _("certificate, days left"): f"{(ends - now) / 86400:.1f}" if ends else "-",
    }


def _classes(ledger: Ledger, since: float) -> list[tuple[str, int]]:
    query = "SELECT class, count(*) FROM orders WHERE created >= ? AND class != '' GROUP BY class"
    rows = ledger.db.execute(query, (since,)).fetchall()
    return [(diagnosis.title(Class(row[0])), row[1]) for row in rows]


def _callbacks(ledger: Ledger, since: float, now: float) -> tuple[str, str]:
    """Callbacks an hour by what became of them."""
    hours = range(int(since // HOUR), int(now // HOUR) + 1)
    counts = {kind: dict.fromkeys(hours, 0) for kind in KINDS}
    query = (
        "SELECT CAST(at / 3600 AS INTEGER) AS hour, CASE WHEN is_taken THEN 'taken'"
        " WHEN status >= 429 THEN 'failed' ELSE 'refused' END AS kind, count(*) AS count"
        " FROM callbacks WHERE at >= ? AND is_test = 0 GROUP BY hour, kind"
    )
    for row in ledger.db.execute(query, (since,)):
        if row["hour"] in counts[row["kind"]]:
            counts[row["kind"]][row["hour"]] = row["count"]
    moments = [datetime.datetime.fromtimestamp(hour * HOUR, datetime.UTC) for hour in hours]
    labels = [f"{each:%m-%d}" if each.hour == 0 else "" for each in moments]
    series = {_(KINDS[kind]): list(counts[kind].values()) for kind in KINDS}
    return _("Callbacks an hour"), _bars(labels, series, list(COLOURS.values()))


def _delays(paid: Sequence[Payment]) -> tuple[str, str]:
    """How many payments were credited within which time."""
    limits = (0.0, 1.0, 5.0, 30.0, 60.0, 300.0, 1800.0, 10800.0, float("inf"))
    labels = ["1 s", "5 s", "30 s", "1 min", "5 min", "30 min", "3 h", "> 3 h"]
    series = {
        _(text): [
            sum(each.way == way and low <= each.delay < high for each in paid)
            for low, high in pairwise(limits)
        ]
        for way, text in WAYS.items()
    }
    return _("From payment to credit, within"), _bars(
        labels, series, ["#2e7d32", "#1565c0", "#6a1b9a"]
    )


def _bars(labels: Sequence[str], series: Mapping[str, Sequence[int]], colours: list[str]) -> str:
    """Stacked bars as SVG: no script, nothing to fetch."""
    import pygal  # noqa: PLC0415  # once a day
    from pygal.style import Style  # noqa: PLC0415

    style = Style(
        background="transparent", plot_background="transparent", colors=colours,
        font_family="sans-serif", label_font_size=18, legend_font_size=18, major_label_font_size=18,
    )  # fmt: skip
    chart = pygal.StackedBar(
        js=[], style=style, disable_xml_declaration=True, height=420, legend_at_bottom=True,
        show_minor_x_labels=False,
        truncate_label=-1, print_values=False, spacing=20,
    )  # fmt: skip
    chart.x_labels = list(labels)
    chart.x_labels_major = [label for label in labels if label]
    for name, values in series.items():
        chart.add(name, [value or None for value in values])
    # It holds nothing but pygal's configuration, and a page without any script is easier to trust.
    return re.sub(r"<script.*?</script>", "", str(chart.render()), flags=re.DOTALL)
