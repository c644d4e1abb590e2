"""A site moves under load: ``python -m benchmarks.move`` (root; some minutes).

Fifty requests a second, fifty streams, a payment a second; the domain's record changes a minute
after the switch. ``ONE_API_BINARY`` names a real One Hub; else it is the stand-in, which is said.
"""

import argparse
import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from one_api_infra.lab import epay
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.lab import Lab
from one_api_infra.lab.process import wait_until
from tests.lab.conftest import new_site
from tests.lab.load import Load
from tests.lab.payments import add_payment, create_order, credited
from tests.lab.sites import LabSite
from tests.lab.streams import prepare, stream

GAP = 200  # milliseconds between a stream's events
BEGUN = "/var/lib/one-api-infra/move/begun.json"
# What a stream costs is taken from one and added to the other: their sum stays.
BALANCE = "SELECT quota + used_quota, used_quota FROM users WHERE id = 1"
BOOKED = "SELECT coalesce(sum(quota), 0), count(*) FROM logs WHERE type = 2"


class Movers:
    """The site on its two hosts, and the load on whichever the domain leads to."""

    def __init__(self, lab: Lab, seconds: int) -> None:
        self.lab = lab
        self.old = new_site(lab, "old", "debian-13", "shop.lab.test")
        self.gateway = Gateway(lab.ca.issuer, epay.url(lab.network.service("gateway")))
        self.model = f"stream-{seconds * 1000 // GAP}-{GAP}"
        self.events = seconds * 1000 // GAP
        self.orders: list[str] = []
        self.streams: list[Future[int]] = []
        self.old.converge()
        add_payment(self.old, self.gateway)
        self.token = prepare(self.old, self.model)
        self.old.converge()
        host = lab.create("new", "debian-13")
        moves = {**self.old.settings, **host.connection(), "moves_from": self.old.host.address}
        self.new = LabSite(lab, host, moves)
        self.now = self.old  # where the domain leads

    def pay(self) -> None:
        """Somebody orders and pays, and the gateway calls once."""
        order = create_order(self.now, self.gateway)
        self.orders.append(order["out_trade_no"])
        if not self.now.notified(self.gateway, order["notify_url"], order).is_accepted:
            raise RuntimeError(order["out_trade_no"])

    def ask(self) -> None:
        """A request with a key: One API limits how many others an address may make."""
        key = {"Authorization": f"Bearer {self.token}"}
        status = self.now.outside.request("GET", "https", "/v1/models", key).status
        if status != 200:
            raise RuntimeError(str(status))

    def move(self) -> None:
        """The literal command."""
        settings = {each.host.name: each.settings for each in (self.old, self.new)}
        self.old.inventory = lambda **_more: self.lab.write_inventory(settings)  # type: ignore[method-assign]
        done = self.old.deploy("-y", name="move")
        if done.code:
            raise SystemExit(done.stderr)


def stream_until_switch(movers: Movers, pool: ThreadPoolExecutor, count: int) -> None:
    """Begin streams as the old ones end, so that ``count`` are open at the switch."""
    open_now: list[Future[int]] = []
    while not movers.old.host.ssh(f"ls {BEGUN}", check=False):
        open_now = [each for each in open_now if not each.done()]
        for _each in range(count - len(open_now)):
            made = pool.submit(stream, movers.old, movers.token, movers.model)
            open_now.append(made)
            movers.streams.append(made)
        time.sleep(0.5)


def change_dns(movers: Movers) -> None:
    """A minute after the switch the domain leads to the new host."""
    moved = "/var/lib/one-api-infra/moved.json"
    wait_until(lambda: bool(movers.old.host.ssh(f"ls {moved}", check=False)), 600, "the switch")
    time.sleep(60)
    movers.lab.point(movers.old.domain, movers.new.host)
    movers.now = movers.new


@contextlib.contextmanager
def load(movers: Movers, rate: int, streams: int) -> Iterator[list[Load]]:
    """Requests, payments and streams."""
    loads = [Load(movers.pay, 1.0), *(Load(movers.ask, 10 / rate) for _n in range(10))]
    with ThreadPoolExecutor(streams * 4) as pool:
        args = (movers, pool, streams)
        threading.Thread(target=stream_until_switch, args=args, daemon=True).start()
        yield loads
        for each in loads:
            each.end()


def measure(lab: Lab, rate: int, streams: int, seconds: int) -> None:
    """Move, and compare."""
    print(f"One API: {os.environ.get('ONE_API_BINARY') or 'the stand-in, not a real one'}")
    movers = Movers(lab, seconds)
    before = credited(movers.old) + movers.old.rows(BALANCE)[0][1]
    with load(movers, rate, streams) as loads:
        following = threading.Thread(target=change_dns, args=(movers,), daemon=True)
        following.start()
        movers.move()
        following.join()
        time.sleep(10)
    report(movers, loads, before)


def report(movers: Movers, loads: list[Load], before: int) -> None:
    """What was lost, and how long what waited."""
    new = movers.new
    moved = json.loads(movers.old.host.ssh("cat /var/lib/one-api-infra/moved.json"))
    counted = [each.result() for each in movers.streams]
    paid = [number for (number,) in new.rows("SELECT trade_no FROM orders WHERE status='success'")]
    pays, asks = loads[0], loads[1:]
    held, used = new.rows(BALANCE)[0]
    slowest = max(each.longest for each in asks)
    print(f"the gate was closed for {moved['waited']} s; the slowest payment took"
          f" {pays.longest:.2f} s, the slowest request {slowest:.2f} s")  # fmt: skip
    failed = [words for each in asks for words in each.failures]
    print(f"requests {sum(each.done for each in asks)}, failed {len(failed)} {failed[:3]}")
    print(f"payments {len(movers.orders)}, callbacks refused {len(pays.failures)}"
          f" {pays.failures[:3]}, lost {len(set(movers.orders) - set(paid))},"
          f" doubled or invented {(held - before) // 5_000_000 - len(movers.orders)}")  # fmt: skip
    cut = sum(count != movers.events for count in counted)
    print(f"streams {len(counted)}, cut {cut}; booked (quota, rows) {new.rows(BOOKED)[0]},"
          f" of the user {used}")  # fmt: skip
    print(f"not merged: {moved['told']}")


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=50, help="requests in a second")
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=40, help="of a stream")
    options = parser.parse_args()
    lab = Lab("move")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        measure(lab, options.rate, options.streams, options.seconds)
    finally:
        lab.down()


if __name__ == "__main__":
    main()
