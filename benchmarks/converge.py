"""Converging one server: ``python -m benchmarks.converge`` (root; an hour and a half).

This project, Ansible with pipelining and with mitogen, and a shell script over one ssh come to the
same site on hosts of one lab: the first run on a blank host, a run that finds nothing to do, and a
run after one setting was changed; the last two also 50 and 200 ms away. Once each, this project's
and the shell script's first run 200 ms away and over a link of 1 MB/s.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import payload, results
from benchmarks.contenders import SETTING, Ansible, Contender, Mitogen, Pyinfra, Shell
from one_api_infra.lab import delay
from one_api_infra.lab.lab import Lab
from tests.lab.sites import LabSite

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


def near(lab: Lab, contender: Contender, runs: int) -> dict[str, Any]:
    """First runs on blank hosts; then runs without a change, and with one."""
    first: list[float] = []
    for number in range(runs):
        site = make(lab, "shop")
        first.append(results.seconds(partial(contender.run, site)))
        if number == 0:
            found = again(contender, site, runs)
            if isinstance(contender, Pyinfra):
                found["start"] = results.median(contender.start, runs)
        site.host.remove()
    return {"first": statistics.median(first), **found}


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


def away(lab: Lab, contender: Contender, runs: int, seconds: float) -> dict[str, Any]:
    """Runs far away on a host that was converged near."""
    site = make(lab, "shop")
    contender.run(site)
    with delay.far(site.host, seconds):
        found = again(contender, site, runs)
    site.host.remove()
    return found


def again(contender: Contender, site: LabSite, runs: int) -> dict[str, Any]:
    """A run that finds nothing to do, and one that changes a setting; and their ssh sessions."""
    site.host.ssh(f"echo '{COUNT}' >/etc/ssh/sshd_config.d/count.conf; systemctl restart ssh")
    noop = results.median(lambda: contender.run(site), runs)
    sessions = int(site.host.ssh(SESSIONS, check=False) or 0)
    changed = []
    for number in range(runs):
        change(contender, site, 4000 + number)
        changed.append(results.seconds(lambda: contender.run(site)))
    after = int(site.host.ssh(SESSIONS, check=False) or 0)
    return {
        "noop": noop,
        "change": statistics.median(changed),
        "noop_sessions": sessions // runs,
        "change_sessions": (after - sessions) // runs,
    }


def keep(distance: str, seen: dict[str, dict[str, Any]]) -> None:
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
            for rtt in map(int, options.rtt.split(",")):
                seen = {}
                for contender in contenders:
                    if rtt:
                        found = away(lab, contender, options.runs, rtt / 1000)
                    else:
                        found = near(lab, contender, options.runs)
                        if isinstance(contender, Pyinfra | Shell):
                            found |= first_elsewhere(lab, contender)
                    print(rtt, contender.name, found, flush=True)
                    seen[contender.name] = found
                    keep(str(rtt), seen)
    finally:
        lab.down()


if __name__ == "__main__":
    main()
