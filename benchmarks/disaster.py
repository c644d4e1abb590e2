"""A host is lost between payments: ``python -m benchmarks.disaster`` (root; an hour for 5 seeds).

A thousand payments over four gateways; at a random moment the site's plug is pulled, and a blank
host is rebuilt from the repository while gateways go on calling. Then One API's own database is
compared with what the gateways know to be paid, as in ``benchmarks.payments``.
"""

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.payments import Shop, pay_one, settle, table
from one_api_infra.lab.lab import Lab
from tests.lab import backups
from tests.lab.conftest import new_site

GATEWAYS = ("epay", "alipay", "wxpay", "stripe")
# A gateway's schedule lasts for a day; compressed, it has to outlast the rebuild.
SETTLE = 420.0  # what was lost with the host stays so
RETRIES = (0.0, 5.0, 15.0, 40.0, 100.0, 180.0, 300.0)


class Disaster(threading.Thread):
    """Pulls the plug after so many payments, and rebuilds the site on another host."""

    def __init__(self, shop: Shop, lab: Lab, after: int) -> None:
        super().__init__(daemon=True)
        self.shop, self.lab, self.after = shop, lab, after
        self.lost = self.seconds = 0.0
        self.words = ""

    def run(self) -> None:
        while len(self.shop.payments) < self.after:
            time.sleep(0.05)
        at = time.time()
        paid = {each.number: each.paid_at for each in self.shop.payments}
        new = backups.destroyed(self.lab, self.shop.site, "rebuilt")
        done = new.deploy("-y", name="rebuild")
        self.words = done.stderr if done.code else ""
        self.seconds = time.time() - at
        self.shop.site.host, self.shop.site.settings = new.host, new.settings
        there = {number for (number,) in new.rows("SELECT trade_no FROM orders")}
        kept = [moment for number, moment in paid.items() if number in there]
        gone = [moment for number, moment in paid.items() if number not in there]
        self.lost = at - max(kept) if gone else 0.0


def measure(seed: int, options: argparse.Namespace, folder: Path) -> float:
    """One run, and its table; the seconds of data that were lost."""
    lab = Lab(f"d{seed}")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        site = new_site(lab, "shop", "debian-13", "shop.lab.test")
        site.settings |= Shop.settings
        keeper = backups.Elsewhere(lab.create("keeper", "debian-12"), backups.key(folder))
        site.converge()
        payments = options.payments
        shop = Shop(site, random.Random(seed), GATEWAYS, retries=RETRIES, think=options.think)
        shop.open()
        keeper.keep(site)
        disaster = Disaster(shop, lab, shop.chance.randint(payments // 5, payments * 4 // 5))
        disaster.start()
        with ThreadPoolExecutor(200) as pool:
            while len(shop.payments) < payments or disaster.is_alive():
                pay_one(shop, pool)
                time.sleep(options.pace)
        if disaster.words:
            raise SystemExit(disaster.words)
        report(shop, disaster, settle(shop, SETTLE))
        return disaster.lost
    finally:
        lab.down()


def report(shop: Shop, disaster: Disaster, settled: float) -> None:
    """What became of the payments."""
    print(f"plug pulled after {disaster.after} payments; rebuilt in {disaster.seconds:.0f} s;"
          f" data lost: {disaster.lost:.1f} s; settled after {settled:.0f} s")  # fmt: skip
    for name, value in table(shop):
        print(f"{name:45} {value}", flush=True)


def main() -> None:
    """Some seeds, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--payments", type=int, default=1000)
    parser.add_argument("--pace", type=float, default=0.3, help="seconds between orders")
    parser.add_argument("--think", type=float, default=0, help="seconds from order to payment")
    options = parser.parse_args()
    print(f"One API: {os.environ.get('ONE_API_BINARY') or 'the stand-in, not a real one'}")
    lost = []
    for seed in options.seeds:
        print(f"seed {seed}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            lost.append(measure(seed, options, Path(folder)))
    print(f"seconds of data lost: p50 {statistics.median(lost):.1f}, max {max(lost):.1f}")


if __name__ == "__main__":
    main()
