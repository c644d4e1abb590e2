"""One API is upgraded under load: ``python -m benchmarks.upgrade`` (root; some minutes).

Streams of half a minute to a minute, requests, a payment a second; first nothing happens, then the
release changes: as the site does it, and by a restart, as it was before. ``ONE_API_BINARY`` names a
real one; else it is the stand-in, which is said.
"""

import argparse
import os
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from benchmarks.payments import SHOPS, Shop
from one_api_infra.lab.lab import Lab
from one_api_infra.lab.process import wait_until
from one_api_infra.shared import units
from tests.lab import databases
from tests.lab.conftest import new_site
from tests.lab.load import Load
from tests.lab.sites import LabSite
from tests.lab.streams import delays, prepare
from tests.lab.test_machine import ACTS, APT
from tests.lab.test_upgrade import ended, other_release, rolled_back

GAP = 200  # milliseconds between a stream's events
LATE = 0.1  # seconds
# What a stream costs is taken from one and added to the other: their sum stays.
BALANCE = "SELECT quota + used_quota FROM users WHERE id = 1"
BOOKED = "SELECT count(*), coalesce(sum(quota), 0) FROM logs WHERE type = 2"


def stream_model(seconds: int) -> tuple[int, str]:
    """How many events a stream of so many seconds has, and the model that gives it."""
    events = seconds * 1000 // GAP
    return events, f"stream-{events}-{GAP}"


def upgraded(site: LabSite, folder: Path) -> None:
    """The ordinary deploy of another release, to the end of the last stream."""
    other_release(site, folder)
    began = time.monotonic()
    site.converge()
    print(f"the deploy: {time.monotonic() - began:.1f} s", flush=True)
    wait_until(lambda: ended(site), 600, "the upgrade's end")
    print(f"until there is one instance again: {time.monotonic() - began:.1f} s", flush=True)
    print(site.host.ssh(f"journalctl -u {units.UPGRADE} -o cat --no-pager | grep ' s$'"), end="")


def back(site: LabSite, _folder: Path) -> None:
    """Back to the release before."""
    began = time.monotonic()
    rolled_back(site)
    print(f"until the release before serves: {time.monotonic() - began:.1f} s", flush=True)
    wait_until(lambda: ended(site), 600, "the upgrade's end")


def unchanged(_site: LabSite, _folder: Path) -> None:
    """Nothing is changed: what the load alone does on this machine."""


def attended(site: LabSite, _folder: Path) -> None:
    """What the machine does by itself: certificate, logs, nginx' package, a new library."""
    site.host.ssh(f"apt-get -qq update; {APT} install needrestart")
    for name, act in ACTS.items():
        began = time.monotonic()
        site.host.ssh(act)
        print(f"{name}: {time.monotonic() - began:.1f} s", flush=True)


def restarted(site: LabSite, _folder: Path) -> None:
    """One API is stopped and started, as every upgrade was before."""
    site.host.ssh("systemctl restart one-api")
    wait_until(site.answers, 60, "the site")


def measure(
    shop: Shop, change: Callable[[LabSite, Path], None], options: argparse.Namespace, folder: Path
) -> None:
    """Load, the change in the midst of it, and what became of all."""
    models = dict(map(stream_model, options.seconds))
    site, orders, before = shop.site, list[str](), shop.site.rows(BALANCE)[0][0]

    def pay() -> None:
        payment = shop.order("epay", 1)
        if payment is None:
            raise RuntimeError("no order")
        orders.append(payment.number)
        shop.pay(payment)
        if not shop.call(payment):
            raise RuntimeError(payment.number)

    def ask() -> None:
        key = {"Authorization": f"Bearer {options.token}"}
        status = site.outside.request("GET", "https", "/v1/models", key).status
        if status != 200:
            raise RuntimeError(str(status))

    with ThreadPoolExecutor(options.streams) as pool:
        streams = dict[Future[list[float]], int]()
        for number in range(options.streams):
            events, model = list(models.items())[number % len(models)]
            streams[pool.submit(delays, site, options.token, model)] = events
        time.sleep(8)
        loads = [Load(pay, 1.0), *(Load(ask, 10 / options.rate) for _n in range(10))]
        usage = Usage(site)
        change(site, folder)
        outcomes = Counter(_outcome(each, events) for each, events in streams.items())
        for load in loads:
            load.end()
        usage.ended.set()
    print(f"streams: {dict(outcomes)}; {lateness(streams)}")
    print(usage.told())
    report(shop, loads, orders, before)


def report(shop: Shop, loads: list[Load], orders: list[str], before: int) -> None:
    """What became of requests and payments."""
    site = shop.site
    failures = Counter(words for load in loads[1:] for words in load.failures)
    slowest = max(load.longest for load in loads[1:])
    print(f"requests: {sum(load.done for load in loads[1:])}, failed {failures.total()}"
          f" {dict(failures)}, slowest {slowest:.2f} s")  # fmt: skip
    paid = {number for number, _quota in shop.succeeded()}
    lost = [each for each in orders if each not in paid]
    each = (site.rows(BALANCE)[0][0] - before) / max(len(orders) - len(lost), 1)
    print(f"payments: {len(orders)}, not credited {len(lost)}, failed calls"
          f" {len(loads[0].failures)}, slowest {loads[0].longest:.2f} s;"
          f" credited for each {each:.0f}")  # fmt: skip
    print(f"streams and requests that were booked, and their price: {site.rows(BOOKED)[0]}")


def lateness(streams: Iterable[Future[list[float]]]) -> str:
    """How long events took from the provider through the site."""
    took = sorted(
        seconds for each in streams if each.exception() is None for seconds in each.result()
    )
    if not took:
        return "no events"
    late = sum(seconds > LATE for seconds in took)
    p999 = took[int(len(took) * 0.999)] * 1000
    return (f"of {len(took)} events {late} took more than 100 ms, p99.9 {p999:.0f} ms,"
            f" max {took[-1] * 1000:.0f} ms")  # fmt: skip


class Usage(threading.Thread):
    """Memory of One API's instances, and the CPU time that they took, looked at each second."""

    command = "ps -C one-api,python3 -o user:20=,rss=,cputimes= | grep '^one-api '"

    def __init__(self, site: LabSite) -> None:
        super().__init__(daemon=True)
        self.site, self.ended = site, threading.Event()
        self.memory, self.cpu = dict[int, int](), 0
        self.start()

    def run(self) -> None:
        while not self.ended.wait(1):
            rows = [
                line.split() for line in self.site.host.ssh(self.command, check=False).splitlines()
            ]
            memory = sum(int(row[1]) for row in rows)
            self.memory[len(rows)] = max(self.memory.get(len(rows), 0), memory)
            self.cpu = max(self.cpu, sum(int(row[2]) for row in rows))

    def told(self) -> str:
        """In one line."""
        found = ", ".join(f"{n}: {kib >> 10} MiB" for n, kib in sorted(self.memory.items()))
        return f"memory at most, by instances that ran: {found}; CPU time {self.cpu} s"


def _outcome(ended_stream: Future[list[float]], events: int) -> str:
    try:
        return "whole" if len(ended_stream.result()) == events else "cut"
    except Exception as error:
        return f"cut: {type(error).__name__}"


def prepared(lab: Lab, options: argparse.Namespace) -> Shop:
    """The site, its shop, and in ``options`` a customer's token."""
    make = SHOPS[options.edition]
    site = new_site(lab, "shop", "debian-13", "shop.lab.test")
    site.settings |= {**make.settings, "edition": options.edition}
    if options.database != "sqlite":
        site.use(databases.KINDS[options.database](site.host))
    site.converge()
    shop = make(site, random.Random(1), ("epay",))
    shop.open()
    options.token = prepare(site, *(stream_model(seconds)[1] for seconds in options.seconds))
    if os.environ.get("ONE_API_BINARY") and options.edition == "one-hub":
        # It allows a group 600 requests a minute.
        groups = site.api().request("GET", "/api/user_group/?page=1&size=9")["data"]["data"]
        for group in groups:
            site.api().request("PUT", "/api/user_group/", group | {"api_rate": 1_000_000})
    site.converge()
    site.host.ssh("systemctl restart one-api")  # New API learns of a channel within a minute
    wait_until(site.answers, 60, "the site")
    return shop


def main() -> None:
    """All ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=int, nargs="+", default=[30, 60], help="of a stream")
    parser.add_argument("--rate", type=float, default=100, help="requests a second")
    parser.add_argument("--edition", default="one-hub", choices=SHOPS)
    parser.add_argument("--database", default="sqlite", choices=("sqlite", *databases.KINDS))
    options = parser.parse_args()
    print(f"One API: {os.environ.get('ONE_API_BINARY') or 'the stand-in, not a real one'}")
    lab = Lab(f"up{options.edition[0]}{options.database[0]}")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        shop = prepared(lab, options)
        for change in (unchanged, upgraded, back, attended, restarted):
            print(f"--- {(change.__doc__ or '').strip()}", flush=True)
            with tempfile.TemporaryDirectory() as folder:
                measure(shop, change, options, Path(folder))
    finally:
        lab.down()


if __name__ == "__main__":
    main()
