"""Payments under attack: ``python -m benchmarks.flood`` (root; a quarter of an hour).

Strangers at 200 addresses send forged callbacks, large bodies, uploads and connections that say
nothing, as fast as the line takes it; meanwhile people pay over four gateways. What it cost them,
what became of their payments, how much disk it took, and who was told.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.payments import Shop, settle, table
from one_api_infra.lab import process
from one_api_infra.lab.lab import Lab
from tests.lab import ledgers, strangers
from tests.lab.channel import Channel
from tests.lab.sites import LabSite

ALONE = 60  # payments before the attack
USED = "du -sm --total /var /run 2>/dev/null | tail -n 1 | cut -f1"


def pay(shop: Shop, until: float, most: int, pace: float) -> Iterator[float]:
    """People pay; how long each callback took. Each hundredth finds One API away, and is lost."""
    for number in range(most):
        if time.monotonic() > until:
            return
        payment = shop.order(shop.chance.choice(list(shop.rows)))
        if payment is None:
            continue
        shop.pay(payment)
        is_lost = number % 100 == 50
        if is_lost:
            shop.site.host.ssh("systemctl stop one-api")
        begun = time.monotonic()
        is_taken = shop.call(payment)
        taken = time.monotonic() - begun
        if is_lost:
            shop.site.host.ssh("systemctl start one-api")
            shop.wait()
        elif is_taken:
            yield taken
        time.sleep(pace)


def attacked(shop: Shop, options: argparse.Namespace, sources: list[str]) -> dict[str, int]:
    """The attack, with people who pay meanwhile; what it sent. Prints how they fared."""
    site = shop.site
    command = [sys.executable, "-m", "benchmarks.attack", site.host.address, site.domain]
    command += [shop.rows["epay"], str(options.seconds), str(options.megabits)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as attack:
        assert attack.stdin
        attack.stdin.write("\n".join(sources))
        attack.stdin.close()
        until = time.monotonic() + options.seconds
        tell("under attack", list(pay(shop, until, options.payments, options.pace)))
        assert attack.stdout
        return dict(json.loads(attack.stdout.read()))


def tell(name: str, delays: list[float]) -> None:
    """One line about genuine callbacks."""
    middle = statistics.median(delays) if delays else 0.0
    slow = sorted(delays)[int(len(delays) * 0.95)] if delays else 0.0
    print(f"{name}: {len(delays)} callbacks taken, median {middle * 1000:.0f} ms,"
          f" 95 % {slow * 1000:.0f} ms", flush=True)  # fmt: skip


def measure(shop: Shop, channel: Channel, options: argparse.Namespace) -> None:
    """Alone, under attack, and after it."""
    site = shop.site
    tell("alone", list(pay(shop, time.monotonic() + 300, ALONE, options.pace)))
    before = int(site.host.ssh(USED))
    with strangers.addresses(site.lab, 200) as sources:
        sent = attacked(shop, options, sources)
    rate = sent["bytes"] / options.seconds / 125_000
    print(f"sent: {sent}, {rate:.0f} Mbit/s", flush=True)
    print(f"disk: {int(site.host.ssh(USED)) - before} MiB more", flush=True)
    process.wait_until(site.answers, 120, "the site")
    print(f"settled after {settle(shop):.0f} s")
    for name, value in table(shop):
        print(f"{name:45} {value}")
    acts = "SELECT a.ended - min(c.at) FROM acts a JOIN callbacks c USING (number)"
    waits = ledgers.rows(site, f"{acts} WHERE a.result = 'credited' GROUP BY a.number")
    print("lost callbacks credited after:", sorted(round(wait) for (wait,) in waits), "s")
    time.sleep(420)  # two looks of the monitor, and one more
    told = [each["message"] for each in channel.alerts]
    print("alerts:", len(told), "of a flood:", sum("ledger.flood:" in each for each in told),
          "of its end:", sum("(ledger.flood)" in each for each in told))  # fmt: skip
    for each in told:
        print("  |", each.replace("\n", "\n  | "))


def main() -> None:
    """One site, one attack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--megabits", type=float, default=100)
    parser.add_argument("--payments", type=int, default=1000)
    parser.add_argument("--pace", type=float, default=0.4, help="seconds between orders")
    options = parser.parse_args()
    lab = Lab("flood")
    lab.down()
    lab.up(owner=os.getpid())
    channel = Channel(lab.network.service("gateway"), 8090)
    try:
        host = lab.create("shop", "debian-13")
        lab.point("shop.lab.test", host)
        own: dict[str, Any] = {"domain": "shop.lab.test", "language": "en"}
        own |= {"alert_urls": [channel.url], **Shop.settings}
        site = LabSite(lab, host, host.connection() | lab.settings() | own)
        site.converge()
        shop = Shop(site, random.Random(1), ["epay", "alipay", "wxpay", "stripe"])
        shop.open()
        measure(shop, channel, options)
    finally:
        channel.stop()
        lab.down()


if __name__ == "__main__":
    main()
