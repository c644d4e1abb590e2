"""Payments through a tunnel that is cut: ``python -m benchmarks.tunnel`` (root; 15 minutes).

A One API on a laptop behind a NAT in the lab, and a server that gives it a name. Orders are paid
at four gateways while packets are lost, ssh is killed, the network is gone, the server reboots,
and the laptop sleeps. epay and Alipay call once; WeChat Pay and Stripe, whose signatures age, until
they are answered. In the end One API's database is compared with what was paid.
"""

import argparse
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

from one_api_infra.lab import apis, epay
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.gateways import Alipay, Call, Stripe, Wxpay
from one_api_infra.lab.lab import Lab
from one_api_infra.lab.process import run, wait_until
from tests.lab.conftest import new_site
from tests.lab.desks import Account, Desk, desk

QUOTA = 5000000
KINDS = ("epay", "alipay", "wxpay", "stripe")
AGAIN = 15.0  # seconds until WeChat Pay and Stripe call again
SETTLE = 120.0


@dataclass
class Shop:
    """The desk, its gateways, and what came of each payment's first call."""

    desk: Desk
    epay: Gateway
    accounts: dict[str, Account]
    answers: Counter[str] = field(default_factory=Counter)
    is_over: threading.Event = field(default_factory=threading.Event)

    def pay(self, kind: str, order: dict[str, str]) -> None:
        """The gateway's calls, until it is answered or gives up."""
        first = True
        while not self.is_over.is_set():
            status = self.desk.called(kind, self._call(kind, order)).status
            if first:
                self.answers["answered" if status in {200, 204} else "not answered"] += 1
            if kind in {"epay", "alipay"} or status in {200, 204}:
                return
            first = False
            self.is_over.wait(AGAIN)

    def _call(self, kind: str, order: dict[str, str]) -> Call:
        if kind == "epay":
            return Call(b"", {}, "GET", f"?{urlencode(self.epay.notification(order))}")
        return self.accounts[kind].call(order)


@contextmanager
def shop(name: str = "tunnels") -> Iterator[Shop]:
    """A lab with a server, a desk and four payment rows."""
    lab = Lab(name)
    lab.down()
    lab.up(owner=os.getpid())
    server = new_site(lab, "tun", "debian-13", "tunnels.lab.test")
    made = desk(lab, server, "alice", "alice.lab.test")
    server.settings["tunnels"] = made.setting
    done = server.deploy("-y", name="tunnel")
    assert done.code == 0, done.stderr
    made.open()
    wxpay, alipay, stripe = Wxpay(), Alipay(), Stripe()
    keys = {"alipay": alipay.private, "wxpay": wxpay.key, "platform": wxpay.platform}
    apis.tell(lab.network.service("gateway"), "keys", keys | {"stripe": stripe.secret})
    gateway = Gateway(lab.ca.issuer, epay.url(lab.network.service("gateway")))
    accounts: dict[str, Account] = {"alipay": alipay, "wxpay": wxpay, "stripe": stripe}
    made.add("epay", gateway.payment_row())
    for kind, account in accounts.items():
        made.add(kind, account.payment_row())
    wait_until(lambda: all("alice" in made.notify_url(kind) for kind in KINDS), 40, "the rows")
    yield Shop(made, gateway, accounts)
    lab.down()


class Prober:
    """Asks for the public name all the time: how long it was away."""

    def __init__(self, of: Desk) -> None:
        self.desk, self.last = of, time.monotonic()
        threading.Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        while True:
            if self.is_there():
                self.last = time.monotonic()
            time.sleep(0.2)

    def is_there(self) -> bool:
        """Whether it answers now."""
        try:
            return self.desk.outside.get("/api/status").status == 200
        except OSError:
            return False

    def back(self) -> float:
        """Seconds until it answers."""
        begin = time.monotonic()
        wait_until(self.is_there, 120, "the tunnel")
        return time.monotonic() - begin


def cuts(of: Desk, prober: Prober, sleep: float) -> dict[str, float]:
    """Each cut in turn; seconds from its end until the public name answered."""
    took = {}
    of.laptop.cut(loss=30)
    time.sleep(20)
    of.laptop.mend()
    took["30 % of the packets lost for 20 s"] = prober.back()
    pids = run("ip", "netns", "pids", of.laptop.space).split()
    for pid in pids:
        if run("ps", "-o", "comm=", "-p", pid).strip() == "ssh":
            os.kill(int(pid), signal.SIGKILL)
    took["ssh killed"] = prober.back()
    of.laptop.cut()
    time.sleep(20)
    of.laptop.mend()
    took["no network for 20 s"] = prober.back()
    of.host.ssh("systemctl reboot", check=False)
    time.sleep(2)
    wait_until(lambda: of.host.ssh("echo up", check=False) == "up\n", 60, "the server")
    took["server rebooted"] = prober.back()
    with of.laptop.asleep():
        time.sleep(sleep)
    took[f"laptop asleep for {sleep:g} s"] = prober.back()
    return took


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=200)
    parser.add_argument("--sleep", type=float, default=600, help="seconds that the laptop sleeps")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with shop() as made:
        _report(made, options.payments, options.sleep, random.Random(options.seed))


def _report(made: Shop, count: int, sleep: float, chance: random.Random) -> None:
    before, orders = made.desk.quota(), []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        orders.append((kind, made.desk.order(kind)))
    span = 110 + sleep
    begin = time.monotonic()
    took: dict[str, float] = {}
    thread = threading.Thread(target=lambda: took.update(cuts(made.desk, Prober(made.desk), sleep)))
    thread.start()
    with ThreadPoolExecutor(count) as pool:
        for kind, order in orders:
            pool.submit(_later, made, kind, order, begin + chance.uniform(0, span))
        thread.join()
        _settle(made, count)
        made.is_over.set()
    _print(made, count, before, took)


def _later(made: Shop, kind: str, order: dict[str, str], when: float) -> None:
    time.sleep(max(when - time.monotonic(), 0))
    made.pay(kind, order)


def _settle(made: Shop, count: int) -> None:
    until = time.monotonic() + SETTLE
    while _credited(made) < count and time.monotonic() < until:
        time.sleep(1)


def _credited(made: Shop) -> int:
    return int(made.desk.rows("SELECT count(*) FROM orders WHERE status = 'success'")[0][0])


def _print(made: Shop, count: int, before: int, took: dict[str, float]) -> None:
    seen = [each for each in made.desk.callbacks() if each["is_genuine"]]
    print(f"{'paid at the gateways':46}{count}")
    for name, found in made.answers.items():
        print(f"{'first call ' + name:46}{found}")
    print(f"{'sent again by the server':46}{sum(each['again'] for each in seen)}")
    print(f"{'credited':46}{_credited(made)}")
    print(f"{'credited twice':46}{(made.desk.quota() - before) // QUOTA - _credited(made)}")
    for name, seconds in took.items():
        print(f"{'back after: ' + name:46}{seconds:.1f} s")


if __name__ == "__main__":
    main()
