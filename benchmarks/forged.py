"""A flood of forged callbacks: ``python -m benchmarks.forged`` (root; two minutes).

A hundred a second for twenty seconds, while true callbacks come once a second: how long a true one
takes with and without the flood, what was credited, and how many cases there are.
"""

import argparse
import os
import random
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.payments import Payment, Shop
from one_api_infra.lab.lab import Lab
from tests.lab import ledgers
from tests.lab.sites import LabSite

RATE = 100
SECONDS = 20


def true_ones(shop: Shop, count: int) -> list[float]:
    """Seconds that true callbacks take, one a second."""
    taken: list[float] = []
    for _each in range(count):
        payment = shop.order("epay")
        if payment is None:
            continue
        shop.pay(payment)
        begun = time.monotonic()
        if shop.call(payment):
            taken.append(time.monotonic() - begun)
        time.sleep(max(1 - (time.monotonic() - begun), 0))
    return taken


def flood(shop: Shop, victim: Payment, stop: threading.Event) -> int:
    """Forged calls at the rate, until told to stop; how many were sent."""
    sent = 0
    begun = time.monotonic()
    with ThreadPoolExecutor(32) as pool:
        while not stop.is_set():
            pool.submit(shop.call, victim, forged=True)
            sent += 1
            time.sleep(max(begun + sent / RATE - time.monotonic(), 0))
    return sent


def measure(shop: Shop) -> None:
    """Print both, and what the ledger says."""
    victim = shop.order("epay")
    assert victim
    alone = true_ones(shop, SECONDS)
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        begun = time.monotonic()
        flooding = pool.submit(flood, shop, victim, stop)
        beside = true_ones(shop, SECONDS)
        stop.set()
        rate = flooding.result() / (time.monotonic() - begun)
    ledgers.run(shop.site)
    paid = {each.number for each in shop.payments}
    done = {row[0] for row in shop.site.rows("SELECT trade_no FROM orders WHERE status='success'")}
    for name, values in (("alone", alone), ("flooded", beside)):
        middle, most = statistics.median(values), max(values)
        print(f"true callbacks {name:8} {len(values):3}  median {middle:.3f} s  max {most:.3f} s")
    cases = sorted(ledgers.cases(shop.site).values())
    print(f"forged a second {rate:.0f}; credited {len(done)} of {len(paid)} paid; cases {cases}")
    print(f"credited without payment: {len(done - paid)}")


def main() -> None:
    """One site, two measurements."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    lab = Lab("forged")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        host = lab.create("shop", "debian-13")
        lab.point("shop.lab.test", host)
        settings = host.connection() | lab.settings() | {"domain": "shop.lab.test"}
        site = LabSite(lab, host, settings)
        site.converge()
        shop = Shop(site, random.Random(1), ["epay"])
        shop.open()
        measure(shop)
    finally:
        lab.down()


if __name__ == "__main__":
    main()
