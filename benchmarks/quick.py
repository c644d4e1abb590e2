"""Is anything slower than it was? ``bin/benchmark --quick`` (root; less than five minutes).

Each figure is a ratio of two times of this run, beside the same ratio of ``performance.json``: so
it travels from machine to machine. Worse is what lies beyond the noise that this run measured.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import agent, converge, fleet, results
from benchmarks.contenders import Contender, Pyinfra
from benchmarks.verify import status, verify
from one_api_infra.lab.lab import Lab
from tests.lab.sites import LabSite

RUNS = 3
HOSTS, CALLBACKS = 50, 100_000
Times = tuple[float, ...]


@dataclass(frozen=True)
class Ratio:
    """Seconds of two things, and the ratio of those that were kept."""

    name: str
    ours: Times
    yardstick: Times
    kept: float

    @property
    def now(self) -> float:
        """The ratio of this run; of several runs the quickest, which was disturbed least."""
        return min(self.ours) / min(self.yardstick)

    @property
    def noise(self) -> float:
        """By how much the ratio may be off: what the runs of the same thing differ by."""
        return _spread(self.ours) + _spread(self.yardstick)


def _spread(times: Times) -> float:
    return (max(times) - min(times)) / min(times)


def judged(found: Sequence[Ratio]) -> Iterator[tuple[Ratio, float, bool]]:
    """Each with its noise, and whether it is worse; what ran once has the greatest noise of all."""
    greatest = max(each.noise for each in found)
    for each in found:
        noise = each.noise if len(each.ours) > 1 else greatest
        yield each, noise, each.now > each.kept * (1 + noise)


def measured(lab: Lab, folder: Path) -> Iterator[Ratio]:
    """All of them, near."""
    kept = {name: section["figures"] for name, section in results.read().items()}
    near = kept["converge"]["0"]
    ours, theirs = near[Pyinfra.name], near["shell script"]
    site, pyinfra = converge.make(lab, "shop"), Pyinfra(folder)
    first = (results.seconds(lambda: pyinfra.run(site)),)
    shell = converge.scripted(folder, site)  # it finds the site as it would leave it
    noop, script = _times(partial(pyinfra.run, site)), _times(partial(shell.run, site))
    yield Ratio("first run / nothing to do", first, noop, ours["first"] / ours["noop"])
    yield Ratio("nothing to do / shell script", noop, script, ours["noop"] / theirs["noop"])
    change, script = _changes(pyinfra, site), _changes(shell, site)
    yield Ratio(
        "one setting changed / shell script", change, script, ours["change"] / theirs["change"]
    )
    pyinfra.run(site)
    site.host.ssh("systemctl start one-api-callbacks one-api-monitor")
    checks, looks = kept["verify"]["0"], _times(partial(verify, site))
    yield Ratio("tests/server / nothing to do", looks, noop, checks["verify"] / ours["noop"])
    looks = _times(partial(status, site))
    yield Ratio("status / nothing to do", looks, noop, checks["status"] / ours["noop"])
    yield from _many(site, folder, kept["fleet"]["simulated"], noop, kept["agent"], ours["noop"])


def _changes(contender: Contender, site: LabSite) -> Times:
    """The runs that change a setting."""

    def changed(number: int) -> float:
        converge.change(contender, site, 4000 + number)
        return results.seconds(lambda: contender.run(site))

    return tuple(changed(number) for number in range(RUNS))


def _times(run: Callable[[], object]) -> Times:
    return tuple(results.seconds(run) for _run in range(RUNS))


def _many(  # noqa: PLR0913, PLR0917
    site: LabSite, folder: Path, hosts: Any, noop: Times, kept: Any, kept_noop: float
) -> Iterator[Ratio]:
    """Many hosts, and many callbacks."""
    seen = [fleet.simulated(site, folder / str(n), 1, (1, HOSTS)) for n in range(RUNS)]
    one, all_ = (tuple(each[str(n)]["seconds"] for each in seen) for n in (1, HOSTS))
    ratio = hosts[str(HOSTS)]["seconds"] / hosts["1"]["seconds"]
    yield Ratio(f"{HOSTS} simulated hosts / one", all_, one, ratio)
    audits = tuple(agent.audit(CALLBACKS)[0] for _run in range(RUNS))
    ratio = kept["audit"][str(CALLBACKS)]["seconds"] / kept_noop
    yield Ratio(f"an audit of {CALLBACKS} callbacks / nothing to do", audits, noop, ratio)


def main() -> None:
    """Print them."""
    lab = Lab("quick")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = list(measured(lab, Path(folder)))
    finally:
        lab.down()
    rows = [
        (each.name, f"{each.now:.2f}", f"{each.kept:.2f}", f"{noise:.0%}", "WORSE" if worse else "")
        for each, noise, worse in judged(found)
    ]
    print(results.table(("ratio", "now", "kept", "noise", ""), rows))
    print("Next: what is WORSE, once more by `bin/benchmark NAME`; docs/performance.md says which.")


if __name__ == "__main__":
    main()
