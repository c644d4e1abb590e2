"""The simulated year as a table and a plot: ``python -m benchmarks.year_plot``.

Reads ``docs/certificates.json``, writes ``docs/certificates.md`` and ``docs/certificates.svg``.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pygal
from pygal.style import Style

DOCS = Path(__file__).parents[1] / "docs"
WEEK = 7.0
HEAD = """# A simulated year of certificates

What `python -m benchmarks.year` saw (made anew by it, drawn by `python -m benchmarks.year_plot`).

A site is deployed in the lab; its file system then boots as user-mode Linux, a kernel with a clock
of its own, beside a Pebble that issues certificates of the given lifetime. The clock is moved from
one run of `one-api-certificate.timer` to the next; certbot, the deploy hook, nginx and the CA are
the real ones, and what is noted is the certificate on the wire. Of the timer's four runs a day so
many are left out that a life has about 25 (13 where it is 6.67 days): a real server tries more
often. The random delay of up to two hours is drawn by the driver, since systemd draws its own anew
whenever the clock is set. With dns-01 the name's zone is served by Debian's BIND, changed by
RFC 2136 with a key, and the CA asks nothing but DNS.

![Days left](certificates.svg)

"""
COLUMNS = (
    "lifetime, days", "challenge", "the CA", "days simulated", "orders", "most in 7 days",
    "least days left", "hours without a valid certificate", "first failed run at",
)  # fmt: skip
TAIL = """
*Orders*: Let's Encrypt allows 5 certificates for the same names in 7 days, and 300 orders in
three hours. *First failed run*: the part of the lifetime that was over when the renewal failed
for the first time; the monitor announces `certificate.renewal` with its second run after it,
within seven minutes. An outage shorter than a step of the clock can pass unseen. *Hours without a
valid certificate*: from its end on, until another one was served: none in a year, and none when
the CA is away for ten days, but with certificates of six days, whose second half is three days
long. So those are for who watches; the default profile is the long one.
"""

Scenario = Mapping[str, Any]


def row(scenario: Scenario) -> tuple[str, ...]:
    """One scenario as it stands in the table."""
    points, lifetime = scenario["points"], scenario["lifetime"]
    outage = scenario["outage"]
    ca = "is there" if not outage else "never answers" if outage > 100 else f"down {outage:g} d"
    failed = next((p for p in points if p["result"] != "success"), None)
    at = "-" if failed is None else f"{100 * (lifetime - failed['left']) / lifetime:.0f} %"
    return (
        f"{lifetime:g}", scenario["challenge"], ca, f"{points[-1]['day']:.0f}",
        str(points[-1]["orders"]), str(most_in_a_week(points)),
        f"{min(p['left_before'] for p in points):.1f}", f"{expired_hours(points):.0f}", at,
    )  # fmt: skip


def most_in_a_week(points: Sequence[Mapping[str, float]]) -> int:
    """The most orders in any seven days."""
    most = 0
    for last in points:
        before = [p["orders"] for p in points if p["day"] < last["day"] - WEEK]
        most = max(most, int(last["orders"] - (before[-1] if before else 0)))
    return most


def expired_hours(points: Sequence[Mapping[str, float]]) -> float:
    """Hours in which the certificate that was served had ended."""
    return 24 * sum(-p["left_before"] for p in points if p["left_before"] < 0 and p["left"] > 0) + (
        24 * max(-points[-1]["left"], 0)
    )


def plot(scenarios: Sequence[Scenario]) -> str:
    """Days left over the year, a line for each lifetime."""
    style = Style(background="white", plot_background="white", font_family="sans-serif")
    chart = pygal.XY(
        js=[], style=style, width=1000, height=420, show_dots=False, legend_at_bottom=True,
        x_title="day", y_title="days left", disable_xml_declaration=True,
    )  # fmt: skip
    for each in scenarios:
        line = []
        for point in each["points"]:
            line += [(point["day"], point["left_before"]), (point["day"], point["left"])]
        chart.add(f"{each['lifetime']:g} days", line)
    return re.sub(r"<script.*?</script>", "", str(chart.render()), flags=re.DOTALL)


def main() -> None:
    """Write both."""
    scenarios = json.loads((DOCS / "certificates.json").read_text())
    rows = [COLUMNS, tuple("---" for _name in COLUMNS), *(row(each) for each in scenarios)]
    table = "\n".join(f"| {' | '.join(each)} |" for each in rows)
    (DOCS / "certificates.md").write_text(f"{HEAD}{table}\n{TAIL}")
    years = [s for s in scenarios if not s["outage"] and s["challenge"] == "http-01"]
    (DOCS / "certificates.svg").write_text(plot(years) + "\n")
    print(f"{DOCS}/certificates.md")


if __name__ == "__main__":
    main()
