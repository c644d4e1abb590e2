"""Verification: ``python -m benchmarks.verify`` (root; five minutes).

``one-api-infra verify`` (``tests/server``) and ``one-api-infra status`` against a site in the lab,
near and 50 and 200 ms away: seconds for all, and for each check.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.converge import make
from one_api_infra.lab import delay
from one_api_infra.lab.lab import Lab
from tests.lab.sites import ROOT, LabSite

COMMAND = str(Path(sys.executable).with_name("one-api-infra"))
TESTS, STATUS = [COMMAND, "verify"], [COMMAND, "status"]


def verify(site: LabSite) -> int:
    """Run the checks of tests/server, as an admin does; how many there were."""
    site.inventory()
    done = subprocess.run(
        TESTS, cwd=ROOT, env=site.environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:])
    return sum(map(int, re.findall(r"(\d+) (?:passed|skipped)", done.stdout)))


def status(site: LabSite) -> None:
    """Run ``one-api-infra status``; its verdict does not matter here."""
    subprocess.run(STATUS, cwd=ROOT, env=site.environment(), capture_output=True, check=False)


def main() -> None:
    """Both, at every distance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rtt", default="0,50,200", help="milliseconds")
    options = parser.parse_args()
    lab = Lab("verify")
    lab.down()
    lab.up(owner=os.getpid())
    figures: dict[str, Any] = {}
    try:
        site = make(lab, "shop")
        site.converge()
        site.host.ssh("systemctl start one-api-callbacks one-api-monitor")
        checks = verify(site)
        for rtt in map(int, options.rtt.split(",")):
            with delay.far(site.host, rtt / 1000):
                seconds = results.median(lambda: verify(site), options.runs)
                whole = results.median(lambda: status(site), options.runs)
            figures[str(rtt)] = {"checks": checks, "verify": seconds, "status": whole}
            print(
                f"{rtt} ms: {checks} checks in {seconds:.2f} s, {1000 * seconds / checks:.0f} ms"
                f" each; status {whole:.2f} s",
                flush=True,
            )
    finally:
        lab.down()
    results.keep("verify", figures, results.versions("pytest", "pytest-testinfra"))


if __name__ == "__main__":
    main()
