"""Converging one server: ``python -m benchmarks.converge`` (root; half an hour).

This project, Ansible with pipelining and with mitogen, and a shell script over one ssh come to the
same site on hosts of one lab: the first run on a blank host, a run that finds nothing to do, and a
run after one setting was changed; the last two also 50 and 200 ms away. Once each, this project's
and the shell script's first run 200 ms away and over a link of 1 MB/s. Ansible, which takes a
multiple, runs near and once.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import payload, results
from benchmarks.contenders import SETTING, Ansible, Contender, Mitogen, Pyinfra, Shell
from one_api_infra.lab import delay
from one_api_infra.lab.lab import Lab
from tests.lab.sites import LabSite

Figures = dict[str, dict[str, Any]]  # by the contender's name

DOMAIN = "shop.lab.test"
COUNT = "LogLevel VERBOSE"
FAR, SLOW = 0.2, 1.0  # seconds; MB a second
SESSIONS = "journalctl -t sshd -t sshd-session -o cat | grep -c '^Starting session: '"


def make(lab: Lab, name: str) -> LabSite:
    """A blank host that the domain leads to."""
    host = lab.create(name, "debian-13")
    lab.point(DOMAIN, host)
    return LabSite(lab, host, host.connection() | lab.settings() | {"domain": DOMAIN})


def prepared(lab: Lab, folder: Path, only: str) -> list[Contender]:
    """Those who are asked for, with the payload of a site that this project has built."""
    built = make(lab, "built")
    built.converge()
    shell = scripted(folder, built)
    built.host.remove()
    chosen = only.split(",")
    others = [each for each in (Pyinfra, Ansible, Mitogen) if _is_of(each.name, chosen)]
    return [*(each(folder) for each in others), *([shell] if _is_of(shell.name, chosen) else [])]


def _is_of(name: str, chosen: Sequence[str]) -> bool:
    return any(part in name for part in chosen)


def scripted(folder: Path, built: LabSite) -> Shell:
    """The shell script, with the payload of a site that this project has built."""
    shell = Shell(folder)
    shell.prepare(payload.write(folder, built.settings, built.host))
    return shell


def change(contender: Contender, site: LabSite, value: int) -> None:
    """Another value for one setting: a variable of One API."""
    site.settings["environment"] = {"RELAY_TIMEOUT": str(value)}
    path = contender.folder / "root" / SETTING.lstrip("/")
    lines = [line for line in path.read_text().splitlines() if "RELAY_TIMEOUT" not in line]
    path.write_text("\n".join([*lines, f"RELAY_TIMEOUT={value}"]) + "\n")


def near(lab: Lab, contenders: Sequence[Contender], runs: int) -> Figures:
    """First runs on blank hosts; then runs without a change, and with one."""
    first: dict[str, list[float]] = {each.name: [] for each in contenders}
    sites: dict[str, LabSite] = {}
    for number, each in product(range(runs), contenders):
        site = make(lab, f"shop{len(sites)}")
        first[each.name].append(results.seconds(partial(each.run, site)))
        if number == 0:
            sites[each.name] = site
        else:
            site.host.remove()
    found = again(lab, contenders, sites, runs)
    for site in sites.values():
        site.host.remove()
    return {name: each | {"first": statistics.median(first[name])} for name, each in found.items()}


def first_elsewhere(lab: Lab, contender: Contender) -> dict[str, float]:
    """First runs, one each: far away, and over a slow link."""
    found = {}
    for name, where in (("first_far", partial(delay.far, round_trip=FAR)),
                        ("first_slow", partial(delay.slow, megabytes=SLOW))):  # fmt: skip
        site = make(lab, "shop")
        with where(site.host):
            found[name] = results.seconds(partial(contender.run, site))
        site.host.remove()
    return found


def away(lab: Lab, contenders: Sequence[Contender], runs: int, seconds: float) -> Figures:
    """Runs far away on hosts that were converged near."""
    sites: dict[str, LabSite] = {}
    with contextlib.ExitStack() as distances:
        for each in contenders:
            sites[each.name] = site = make(lab, f"shop{len(sites)}")
            each.run(site)
            distances.enter_context(delay.far(site.host, seconds))
        found = again(lab, contenders, sites, runs)
    for site in sites.values():
        site.host.remove()
    return found


def again(
    lab: Lab, contenders: Sequence[Contender], sites: Mapping[str, LabSite], runs: int
) -> Figures:
    """A run that finds nothing to do, and one that changes a setting; and their ssh sessions."""
    for site in sites.values():
        site.host.ssh(f"echo '{COUNT}' >/etc/ssh/sshd_config.d/count.conf; systemctl restart ssh")
    found: Figures = {name: {} for name in sites}
    before = {name: _sessions(site) for name, site in sites.items()}
    for what, begins_with in (("noop", _nothing), ("change", change)):
        seen = _in_turns(lab, contenders, sites, runs, begins_with)
        for name, site in sites.items():
            after = _sessions(site)
            found[name] |= {what: seen[name], f"{what}_sessions": (after - before[name]) // runs}
            before[name] = after
        if what == "noop" and Pyinfra.name in found:
            found[Pyinfra.name]["start"] = results.median(Pyinfra.start, runs)
    return found


def _in_turns(
    lab: Lab,
    contenders: Sequence[Contender],
    sites: Mapping[str, LabSite],
    runs: int,
    begins_with: Callable[[Contender, LabSite, int], None],
) -> dict[str, float]:
    """The median of each one's seconds; in turns: a machine is not equally quick all the time."""
    seen: dict[str, list[float]] = {name: [] for name in sites}
    for number, each in product(range(runs), contenders):
        site = sites[each.name]
        lab.point(DOMAIN, site.host)
        begins_with(each, site, 4000 + number)
        seen[each.name].append(results.seconds(partial(each.run, site)))
    return {name: statistics.median(seconds) for name, seconds in seen.items()}


def _nothing(_contender: Contender, _site: LabSite, _value: int) -> None:
    """What a run begins with that is to find nothing to do."""


def _sessions(site: LabSite) -> int:
    """The ssh sessions that a host has counted so far; this question is one."""
    return int(site.host.ssh(SESSIONS, check=False) or 0)


def keep(distance: str, seen: Figures) -> None:
    """Keep what this run came to: the whole takes long enough to be interrupted."""
    figures = results.read().get("converge", {"figures": {}})["figures"]
    figures[distance] = seen
    results.keep("converge", figures, results.versions("pyinfra", "ansible-core", "mitogen"))


def main() -> None:
    """Everybody, at every distance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rtt", default="0,50,200", help="milliseconds")
    parser.add_argument("--only", default="", help="parts of contenders' names: infra,shell")
    options = parser.parse_args()
    lab = Lab("converge")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        with tempfile.TemporaryDirectory() as folder:
            contenders = prepared(lab, Path(folder), options.only)
            many = [each for each in contenders if isinstance(each, Pyinfra | Shell)]
            once = [each for each in contenders if each not in many]
            for rtt in map(int, options.rtt.split(",")):
                if rtt:
                    seen = away(lab, many, options.runs, rtt / 1000)
                else:
                    seen = near(lab, many, options.runs)
                    for each in many:
                        seen[each.name] |= first_elsewhere(lab, each)
                    seen |= near(lab, once, 1)
                print(rtt, seen, flush=True)
                keep(str(rtt), seen)
    finally:
        lab.down()


if __name__ == "__main__":
    main()
