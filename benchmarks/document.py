"""``docs/performance.md`` and its plots from ``docs/performance.json``: ``python -m
benchmarks.document``. What is slower than others stands there as plainly as what is faster.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pygal
from pygal.style import CleanStyle

from benchmarks import results
from benchmarks.results import table

PAGE = results.FILE.with_suffix(".md")
OURS = "one-api-infra"
HEAD = """# Performance

Made by `bin/benchmark` (root on Debian; an hour; `bin/benchmark serve` makes one part), which
writes `performance.json`, this page and the plots. All contenders of a part run in one go against
hosts of one lab on one machine; figures are medians of five runs, and only their ratios travel.
"""
Figures = Mapping[str, Any]


def _by_number(figures: Figures) -> Figures:
    """In the order of the distances or numbers that are the keys."""
    return dict(sorted(figures.items(), key=lambda entry: int(entry[0])))


def converge(figures: Figures) -> str:
    """Converging one server."""
    figures = _by_number(figures)
    rows = [
        [f"{rtt} ms", name, each["noop"], each["change"], each.get("first", "")]
        for rtt, names in figures.items()
        for name, each in names.items()
    ]
    near = figures["0"]
    ours = near[OURS]
    _bars("converge", "A run that finds nothing to do, seconds", {
        f"{rtt} ms": {name: each["noop"] for name, each in names.items()}
        for rtt, names in figures.items()
    })  # fmt: skip
    ratios = {
        name: near[name]["noop"] / ours["noop"] for name in near if name.startswith("Ansible")
    }
    lines = [f"{name} takes {ratio:.0f} times as long" for name, ratio in ratios.items()]
    return "\n\n".join([
        "A blank Debian 13 host comes to the same site by this project, by an Ansible playbook"
        " (`benchmarks/ansible`; pipelining and ControlPersist, and with mitogen) and by a shell"
        " script over one ssh (`benchmarks/shell`), which is the floor. The round trip is made by"
        " a relay between the lab's bridges (`one_api_infra/lab/delay.py`). Contenders run in"
        " turns; Ansible, which takes a multiple, runs once.",
        table(["away", "by", "nothing to do, s", "one setting changed, s", "first run, s"], rows),
        "![converge](performance-converge.svg)",
        f"A run without a change opens {ours['noop_sessions']} ssh sessions, one with a setting"
        f" changed {ours['change_sessions']}: one for each command, one for the lock, three ahead."
        f" Near: {', '.join(lines)}.{_start(near)}{_elsewhere(near)} The first run takes"
        f" {near[OURS]['first'] / near['shell script']['first']:.2f} of the shell script's, most"
        " of it in apt and pip, which vary by seconds from run to run. **Slower than others**: the"
        f" shell script is quicker {_where_slower(figures, 'noop')} at finding nothing to do, and"
        f" {_where_slower(figures, 'change')} at one change; it compares files, and asks nobody"
        " whether the site is as it should be. All restart One API; on a site that is older than"
        " ten minutes ours lets a second instance take over first, which cuts no stream and takes"
        " four seconds more.",
    ])  # fmt: skip


def _where_slower(figures: Figures, what: str) -> str:
    """At which distances the shell script is quicker."""
    found = [
        f"{rtt} ms"
        for rtt, each in figures.items()
        if each["shell script"][what] < each[OURS][what]
    ]
    return f"({', '.join(found) or 'nowhere'})"


def _start(near: Figures) -> str:
    """What of each of our runs is pyinfra's own start; not measured before 2026-11-29."""
    if "start" not in near[OURS]:
        return ""
    ours, shell = near[OURS], near["shell script"]
    seconds = ours["start"]
    rest = {what: (ours[what] - seconds) / shell[what] for what in ("noop", "change")}
    return (
        f" pyinfra's own start (`pyinfra --version`) is {seconds:.2f} s of each of our runs:"
        f" {seconds / shell['noop']:.2f} of all that the shell script needs to find nothing to do."
        f" Without it, to find nothing to do takes {rest['noop']:.2f} times as long as the shell"
        f" script, and one change {rest['change']:.2f} times."
    )


def _elsewhere(near: Figures) -> str:
    """First runs that were made once each; none before 2026-11-29."""
    ours, shell = near[OURS], near["shell script"]
    if "first_far" not in ours:
        return ""
    return (
        f" A first run 200 ms away: {ours['first_far']:.0f} s (the shell script:"
        f" {shell['first_far']:.0f}); over a link of 1 MB/s: {ours['first_slow']:.0f} s"
        f" ({shell['first_slow']:.0f}); once each."
    )


def fleet(figures: Figures) -> str:
    """Many servers."""
    real, simulated = _by_number(figures["real"]), _by_number(figures["simulated"])
    rows = [[f"{count} real", seconds, ""] for count, seconds in real.items()]
    rows += [
        [f"{count} simulated", each["seconds"], round(each["memory"])]
        for count, each in simulated.items()
    ]
    few, many = simulated["50"], simulated["500"]
    each_host = 1000 * (many["seconds"] - few["seconds"]) / 450
    memory = (many["memory"] - few["memory"]) / 450
    return "\n\n".join([
        "A run that finds nothing to do. Simulated hosts (pyinfra's `@fake`) answer at once with"
        " what a real one answered: what is left is this machine's own work.",
        table(["hosts", "s", "MiB"], rows),
        f"Eight real hosts take {real['8'] / real['1']:.1f} times one; they share this machine's"
        " cores with the run, and their own work (ssh, the look) is most of it. Each simulated host"
        f" beyond 50 costs {each_host:.0f} ms and {memory:.2f} MiB.{_bare(figures)}",
    ])  # fmt: skip


def _bare(figures: Figures) -> str:
    """What of it is pyinfra's own; not measured before 2026-11-30."""
    if "bare" not in figures:
        return ""
    each, seconds = figures["bare"], _by_number(figures["simulated"])["500"]["seconds"]
    ours, its = seconds - each["with our speed-ups"], each["with our speed-ups"] / seconds
    return (
        f" For 500 hosts pyinfra itself takes {each['pyinfra']:.0f} s for {each['operations']}"
        f" operations that do nothing, and {each['with our speed-ups']:.0f} s with our speed-ups"
        f" (`one_api_infra/remote/fast.py`): {its:.2f} of the whole. The rest, {2 * ours:.0f} ms a"
        " host, is to read its settings and its answer, to render what it should hold, the"
        " preflight's questions to DNS and the lines on the screen."
    )


def verify(figures: Figures) -> str:
    """Verification."""
    figures = _by_number(figures)
    rows = [
        [f"{rtt} ms", each["checks"], each["verify"], 1000 * each["verify"] / each["checks"],
         each["status"]]
        for rtt, each in figures.items()
    ]  # fmt: skip
    return "\n\n".join([
        table(["away", "checks", "`one-api-infra verify`, s", "ms a check", "`status`, s"], rows),
        "`status` near is 1.5 s of waiting for One API's own port to stay silent. What"
        " `tests/server` asks over ssh goes in one journey, what it asks on the wire side by side"
        " (`tests/server/foreseen.py`, `wire.py`); ssh connects (ten round trips) while the tests"
        " is imported, and far away it waits for that and for the look of `status`. Until"
        " 2026-11-29 each check was a command of testinfra's: 47 s for 139 of them at 200 ms.",
    ])  # fmt: skip


def serve(figures: Figures) -> str:
    """Serving."""
    rates, shakes, events = (figures[name] for name in ("rates", "handshakes", "events"))
    hand = rates["nginx by hand"]["requests"]
    rate_rows = [
        [name, round(each["requests"]), each["requests"] / hand, each["p50_ms"]]
        for name, each in rates.items()
    ]
    shake_rows = [[name, each["cpu_ms"], round(each["a_second"])] for name, each in shakes.items()]
    event_rows = [
        [f"{count}", name, each[count]["first"], each[count]["p50"], each[count]["p95"],
         each[count]["max"], each[count]["missing"]]
        for count in sorted(next(iter(events.values())), key=int)
        for name, each in events.items()
    ]  # fmt: skip
    setting_rows = [
        [name, *each, "CPU ms a handshake" if name.startswith("ssl") else "requests/s"]
        for name, each in figures["settings"].items()
    ]
    broken = [[name, each["requests"], each["failed"]] for name, each in
              figures["interruptions"].items()]  # fmt: skip
    _bars("serve", "Requests a second over TLS, kept connections", {
        "": {name: each["requests"] for name, each in rates.items()}
    })  # fmt: skip
    return "\n\n".join([
        "Before one quick upstream in One API's place, on one host with this machine's two cores,"
        " which the client shares: a body of 955 bytes, 48 kept connections (wrk).",
        table(["", "requests/s", "of nginx by hand", "p50, ms"], rate_rows),
        "![serve](performance-serve.svg)",
        "A full TLS 1.3 handshake, one after the other; CPU of the server:",
        table(["", "CPU ms", "a second"], shake_rows),
        "What each setting of the templates that is there for speed earns:",
        table(["setting", "with", "without", "in"], setting_rows),
        "Events of about 200 bytes: delay in ms from their sending to their reading, the client's"
        " TLS included (direct is without TLS).",
        table(["streams", "", "first", "p50", "p95", "max", "missing"], event_rows),
        f"An open stream costs nginx' workers {figures['stream_kib']:.0f} KiB.",
        "Ten reloads and two renewals in twenty seconds, four clients of each kind:",
        table(["clients", "requests", "failed"], broken),
        "A client that keeps connections and POSTs can meet one that nginx 1.26 closes at a reload;"
        " SDKs try again. Gateways open a new connection for each callback. **Slower than others**:"
        " nginx tuned by hand for this one route and haproxy are about as quick as the site; the"
        " first event comes later than direct by a TLS handshake. With ECDSA a whole new"
        " connection costs the server less than with RSA, but not half: this processor signs with"
        " RSA-2048 in 0.25 ms (`openssl speed`), and key exchange, key schedule and TCP cost the"
        " same with both. No setting of tickets, cache or curves brought it to half: RSA cost 1.86"
        " times as much at most, with no session tickets at all, which gives resumption up.",
    ])  # fmt: skip


def agent(figures: Figures) -> str:
    """The callbacks' agent."""
    audit, reconcile = (
        [[size, each["seconds"], each["again"], round(each["memory"])]
         for size, each in _by_number(figures[name]).items()]
        for name in ("audit", "reconcile")
    )  # fmt: skip
    return "\n\n".join([
        "Reading the callback log into a new ledger, verifying each signature, auditing the last"
        " day; and a day's more.",
        table(["callbacks", "s", "a day's more, s", "MiB"], audit),
        "Paid orders whose callbacks never came: the run that asks the gateway for all of them and"
        " has them credited, and the next, which finds nothing to do. Gateway and One API answer at"
        " once here; a real account is asked for one order after the other, at most a minute in a"
        " run, who waited longest first.",
        table(["orders", "s", "the next run, s", "MiB"], reconcile),
    ])  # fmt: skip


PARTS: Mapping[str, tuple[str, Callable[[Figures], str]]] = {
    "converge": ("Converge", converge),
    "fleet": ("Fleet", fleet),
    "verify": ("Verify", verify),
    "serve": ("Serve", serve),
    "agent": ("Agent", agent),
}


def _bars(name: str, title: str, groups: Mapping[str, Mapping[str, float]]) -> None:
    """A plot beside the page; one series for each contender."""
    chart = pygal.Bar(title=title, style=CleanStyle, width=800, height=360, js=[])
    chart.x_labels = list(groups)
    for series in next(iter(groups.values())):
        chart.add(
            series, [group.get(series) and round(group[series], 2) for group in groups.values()]
        )
    chart.render_to_file(str(PAGE.with_name(f"performance-{name}.svg")))


def main() -> None:
    """Write the page from what was measured."""
    known = results.read()
    parts = [HEAD]
    for name, (title, write) in PARTS.items():
        if found := known.get(name):
            versions = ", ".join(f"{each} {version}" for each, version in found["versions"].items())
            made = f"`{found['command']}`, {found['day']}, {found['machine']}; {versions}."
            parts += [f"## {title}\n", made, "", write(found["figures"]), ""]
    PAGE.write_text("\n".join(parts))
    print(f"{PAGE}: {', '.join(name for name in PARTS if name in known)}")


if __name__ == "__main__":
    main()
