"""A month of a healthy site: ``python -m benchmarks.month`` (root; a quarter of an hour).

The monitor's look, its observation and its judgements run on a lab host again and again while one
packet of a hundred is lost each way; then while nginx is reloaded, One API restarted, the
certificate renewed, the logs rotated, the site deployed and the host rebooted; what each look came
to is noted. Then a month of looks (480 a day) is drawn from what was seen, a thousand times, and
the rule of alerts is asked what it would have told. A disturbance is drawn as often as it comes in
such a month, and as if each met a look, which is worse than the truth: few last longer than a
second of the three minutes between two looks.
"""

import argparse
import json
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.faults import reboot
from one_api_infra.checks import alerts, catalogue
from one_api_infra.checks.alerts import Memory
from one_api_infra.checks.verdict import State, Verdict
from one_api_infra.lab.host import Host
from one_api_infra.lab.lab import Lab
from tests.lab.sites import LabSite
from tests.lab.test_monitor import LOSS

EVERY = 180.0  # seconds between two looks
MONTH = 30 * 480
QUIET = 3600.0
LOOK = """
import json, sys, time
sys.path.insert(0, "/opt/one-api-infra/one-api-infra.pyz")
from one_api_infra.checks import catalogue
from one_api_infra.server import monitor
from one_api_infra.server.local import run, site
for _look in range(int(sys.argv[1])):
    for step in ("database", "observe", "look"):  # as each run of the monitor does
        run("systemctl", "start", f"one-api-{step}.service")
    seen, _rooms = monitor._observation(site(), [], time.time())
    found = {each.id: each.state.value for each in catalogue.judge(seen)}
    print(json.dumps({name: state for name, state in found.items() if state != "ok"}), flush=True)
    time.sleep(1)  # One API limits its own management API
"""
# What happens to a healthy site in a month, and how often.
DISTURBANCES = {
    "systemctl reload nginx": 20,
    "systemctl restart one-api": 4,
    "systemctl start one-api-certificate": 120,
    "logrotate --force /etc/one-api-infra/logrotate.conf": 30,
}
DEPLOYS, REBOOTS = 1, 2
TRIES = 10
Seen = Mapping[str, str]


def looks(host: Host, count: int, beside: str = "true") -> list[Seen]:
    """What looks came to: of each, the checks that were not ok; ``beside`` happens meanwhile."""
    run = f"/opt/one-api-infra/venv/bin/python - {count}"
    printed = host.ssh(f"({beside}) >/dev/null 2>&1 & {run}", stdin=LOOK)
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def month(chance: random.Random, quiet: Sequence[Seen], disturbed: Sequence[Seen]) -> int:
    """How many messages a month of such looks makes."""
    often = (sum(DISTURBANCES.values()) + DEPLOYS + REBOOTS) / MONTH
    memory, sent = Memory(), 0
    for number in range(MONTH):
        drawn = chance.choice(disturbed if chance.random() < often else quiet)
        if not drawn and not memory.checks:
            continue
        verdicts = [
            Verdict(each.id, each.level, State(drawn.get(each.id, "ok")))
            for each in catalogue.CHECKS
            if each.id in drawn or each.id in memory.checks
        ]
        memory, due = alerts.decide(memory, verdicts, number * EVERY, QUIET)
        sent += bool(due)
    return sent


def disturbed(site: LabSite) -> Iterator[Seen]:
    """Looks that each fall into one of the disturbances."""
    for command in DISTURBANCES:
        for _time in range(TRIES):
            yield from looks(site.host, 1, command)
    for _time in range(TRIES // 2):
        deploy = threading.Thread(target=site.converge)
        deploy.start()
        while deploy.is_alive():
            yield from looks(site.host, 1)
        deploy.join()
    for _time in range(TRIES // 2):
        reboot(site)
        site.host.ssh(LOSS)
        yield from looks(site.host, 2)


def show(name: str, found: Sequence[Seen]) -> None:
    """What was not ok, and how often; what is skipped in every look has nothing to look at."""
    wrong = Counter(
        f"{check} {state}"
        for seen in found
        for check, state in seen.items()
        if found[0].get(check) != "skipped"
    )
    print(f"{name}: {len(found)} looks, not ok: {dict(wrong)}", flush=True)


def main() -> None:
    """Look, then draw months."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=int, default=400)
    parser.add_argument("--months", type=int, default=1000)
    options = parser.parse_args()
    lab = Lab("month")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        host = lab.create("shop", "debian-13")
        lab.point("shop.lab.test", host)
        settings = host.connection() | lab.settings() | {"domain": "shop.lab.test"}
        site = LabSite(lab, host, settings)
        site.converge()
        host.ssh("systemctl start one-api-monitor; " + LOSS)
        quiet = looks(host, options.looks)
        show("1 % lost", quiet)
        beside = list(disturbed(site))
        show("disturbed", beside)
    finally:
        lab.down()
    chance = random.Random(1)
    sent = [month(chance, quiet, beside) for _month in range(options.months)]
    print(f"{options.months} months drawn: {sum(sent)} messages, at most {max(sent)} in one")


if __name__ == "__main__":
    main()
