"""Many servers: ``python -m benchmarks.fleet`` (root; ten minutes).

A run that finds nothing to do on 1, 2, 4 and 8 real hosts of the lab; and on 50, 200 and 500
simulated ones, which answer at once with what a real one answered (pyinfra's ``@fake``): what is
left is this machine's own work for each, in seconds and memory. Last, pyinfra alone with as many
operations that do nothing.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import results
from one_api_infra.desired import manifest as declared
from one_api_infra.desired import snapshot
from one_api_infra.desired.site import Site
from one_api_infra.lab.lab import Lab
from one_api_infra.remote import compression
from tests.lab.sites import PYINFRA, ROOT, LabSite

# One site many times, for which a real inventory is refused, and as if from that of the real one.
INVENTORY = """import json
from pathlib import Path
from one_api_infra.remote import inventory
inventory.shared = lambda hosts: ()
inventory.shown = lambda path: "inventory/lab.py"
found = json.loads(Path({path!r}).read_text())
answers = {{"fake_responses": {{"": found["answer"]}}, "fake_delay": 0, "fake_delay_jitter": 0}}
hosts = [(f"@fake/shop{{n}}", {{**found["settings"], **answers}}) for n in range({count})]
"""
# As many operations that do nothing: what pyinfra itself takes, and with our speed-ups.
BARE_INVENTORY = """at_once = {{"fake_delay": 0, "fake_delay_jitter": 0}}
hosts = [(f"@fake/shop{{n}}", at_once) for n in range({count})]
"""
BARE_DEPLOY = """from pyinfra import host
from pyinfra.api import operation
{speed_ups}
@operation()
def nothing():
    host.noop("nothing")
    return
    yield
for number in range({operations}):
    nothing(name=f"Nothing, number {{number}}")
"""
SPEED_UPS = "from one_api_infra.remote import fast; fast.lighten()"
REAL = (1, 2, 4, 8)
SIMULATED = (1, 50, 200, 500)


def real(lab: Lab, runs: int) -> tuple[dict[str, float], LabSite]:
    """Seconds by the number of hosts; and the first site."""
    sites = []
    for number in range(max(REAL)):
        host = lab.create(f"shop{number}", "debian-13")
        domain = f"{host.name}.lab.test"
        lab.point(domain, host)
        sites.append(LabSite(lab, host, host.connection() | lab.settings() | {"domain": domain}))
    first = sites[0]
    command = first.command("-y")
    seen: dict[int, list[float]] = {count: [] for count in REAL}
    lab.write_inventory({site.host.name: site.settings for site in sites})
    _converge(command, first.environment())
    for number in range(runs):
        for count in REAL:  # in turns: a machine is not equally quick all the time
            lab.write_inventory({site.host.name: site.settings for site in sites[:count]})
            seen[count].append(_settled(command, first.environment())[0])
            print(f"{number}: {count} hosts: {seen[count][-1]:.2f} s", flush=True)
    return {str(count): statistics.median(seconds) for count, seconds in seen.items()}, first


def simulated(
    site: LabSite, folder: Path, runs: int, counts: Sequence[int] = SIMULATED
) -> dict[str, dict[str, float]]:
    """Seconds and MiB by the number of hosts."""
    settings = {k: v for k, v in site.settings.items() if not k.startswith("ssh_")}
    look = compression.asked(snapshot.script(declared.snapshot_spec(Site.parse(settings))))
    data = folder / "fleet.json"
    (folder / "inventory").mkdir(parents=True)
    shutil.copy2(ROOT / "inventory.py", folder)
    found = {}
    for count in counts:
        name = f"fleet{count}"
        hosts = INVENTORY.format(path=str(data), count=count)
        (folder / "inventory" / f"{name}.py").write_text(hosts)
        environment = site.environment(ONE_API_INFRA_ENVIRONMENT=name)
        command = [*PYINFRA, str(folder / "inventory.py"), "deploys/site.py", "-y"]
        seen = []
        for _run in range(runs):  # with an answer of now: the preflight compares the clocks
            answer = site.host.ssh(look).split("\n")
            data.write_text(json.dumps({"settings": settings, "answer": answer}))
            seen.append(_settled(command, environment))
        seconds, memory = (statistics.median(each) for each in zip(*seen, strict=True))
        found[str(count)] = {"seconds": seconds, "memory": memory}
        print(f"{count} simulated: {seconds:.2f} s, {memory:.0f} MiB", flush=True)
    return found


def bare(site: LabSite, folder: Path) -> dict[str, float]:
    """Seconds of one run each: pyinfra's own work for as many hosts and operations."""
    environment = site.environment(PYTHONPATH=str(ROOT))
    site.inventory()  # it alone
    operations = int(_converge(site.command("-y"), site.environment())[0][0])
    inventory, deploy = folder / "bare_inventory.py", folder / "bare.py"
    inventory.write_text(BARE_INVENTORY.format(count=max(SIMULATED)))
    found: dict[str, float] = {"operations": operations}
    for name, speed_ups in (("pyinfra", ""), ("with our speed-ups", SPEED_UPS)):
        deploy.write_text(BARE_DEPLOY.format(speed_ups=speed_ups, operations=operations))
        found[name] = _settled([*PYINFRA, str(inventory), str(deploy), "-y"], environment)[0]
        print(f"{max(SIMULATED)} hosts, nothing but {name}: {found[name]:.2f} s", flush=True)
    return found


def _settled(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds and MiB of a run without a change."""
    begun = time.perf_counter()
    (operations, *changed, unchanged), memory = _converge(command, environment)
    if operations != unchanged:
        raise RuntimeError(f"a fleet that is not settled: {changed} of {operations}")
    return time.perf_counter() - begun, memory


def _converge(command: list[str], environment: dict[str, str]) -> tuple[list[str], float]:
    """pyinfra's grand total: operations, changed, failed, unchanged; and its MiB."""
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=said
        )
        _pid, status, usage = os.wait4(child.pid, 0)  # of this child: getrusage knows the largest
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        words = said.read()
    if child.returncode:
        raise RuntimeError(words[-3000:])
    return str(re.findall(r"Grand total +(.*)", words)[0]).split(), usage.ru_maxrss / 1024


def main() -> None:
    """Both fleets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    lab = Lab("fleet")
    lab.down()
    lab.up(owner=os.getpid())
    figures: dict[str, Any] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures["real"], first = real(lab, options.runs)
            figures["simulated"] = simulated(first, Path(folder), options.runs)
            figures["bare"] = bare(first, Path(folder))
    finally:
        lab.down()
    results.keep("fleet", figures, results.versions("pyinfra"))


if __name__ == "__main__":
    main()
