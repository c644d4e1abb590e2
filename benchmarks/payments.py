"""Payments under faults: ``python -m benchmarks.payments --seed 1`` (root; about ten minutes).

A site in the lab, four gateways, and faults at random: One API killed and restarted, its database
locked, nginx reloaded, the host rebooted, the certificate renewed, the network cut; gateways that
call once, never, twice, or twice at once; forged calls. Then everything is whole again, and after
a while One API's own database is compared with what the gateways know to be paid.
"""

import argparse
import contextlib
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlencode

from benchmarks import faults
from one_api_infra.lab import apis, epay, process
from one_api_infra.lab.errors import LabError
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.gateways import Alipay, Call, Stripe, Wxpay
from one_api_infra.lab.lab import Lab
from one_api_infra.shared import paths
from tests.lab import databases, ledgers
from tests.lab.sites import LabSite

RETRIES = (0.0, 5.0, 15.0, 40.0)  # epay's 0, 1, 3, 19 and 55 minutes, compressed
SETTLE = 900.0
TOGETHER = 0.05  # seconds
RATE = 7.3  # One Hub's own yuan for a dollar


@dataclass
class Payment:
    """An order that somebody pays; ``tries`` is how often the gateway calls at most."""

    number: str
    kind: str
    order: dict[str, str]
    paid_at: float = 0.0
    tries: int = len(RETRIES)


@dataclass
class Shop:
    """The site and its four accounts."""

    site: LabSite
    chance: random.Random
    kinds: Sequence[str]
    # The gateways' names lead to the lab, whose root the real One Hub has to trust for that.
    settings: ClassVar[Mapping[str, Any]] = {"environment": {"SSL_CERT_FILE": paths.TRUSTED_CA}}
    tables: ClassVar[tuple[str, str]] = ("users", "orders")  # that a credit writes
    payments: list[Payment] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    retries: Sequence[float] = RETRIES  # seconds after the payment
    think: float = 0.0  # seconds between the order and the payment
    twins: float = 0.05  # the share of payments that the gateway tells twice within TOGETHER

    def __post_init__(self) -> None:
        self.address = self.site.lab.network.service("gateway")
        self.epay = Gateway(self.site.lab.ca.issuer, epay.url(self.address))
        self.alipay, self.wxpay, self.stripe = Alipay(), Wxpay(), Stripe()
        self.others: dict[str, Alipay | Wxpay | Stripe] = {
            "alipay": self.alipay,
            "wxpay": self.wxpay,
            "stripe": self.stripe,
        }

    def open(self) -> None:
        """Let the gateways know the keys, and make the payment rows."""
        keys = {"alipay": self.alipay.private, "wxpay": self.wxpay.key}
        keys |= {"platform": self.wxpay.platform, "stripe": self.stripe.secret}
        apis.tell(self.address, "keys", keys)
        api = self.site.api()
        rows = [self.epay.payment_row(), *(each.payment_row() for each in self.others.values())]
        for row in rows:
            if row["type"] in self.kinds:
                api.request("POST", "/api/payment/", row)
        self.site.converge()
        self.rows = {row["type"]: row["uuid"] for row in api.payments()}

    def order(self, kind: str, amount: int = 0, uuid: str = "") -> Payment | None:
        """Somebody orders, for dollars at random if none are named; None if nobody answers."""
        amount = amount or self.chance.randint(1, 20)
        try:
            body = {"uuid": uuid or self.rows[kind], "amount": amount}
            data = self.site.api().request("POST", "/api/user/order", body)["data"]
            number, params = str(data["trade_no"]), data["data"].get("params")
        except Exception:  # whatever the fault of the moment does to it
            return None
        url = f"https://{self.site.domain}/api/payment/notify/{self.rows[kind]}"
        money = f"{amount * (1 if kind == 'stripe' else RATE):.2f}"
        order = {"out_trade_no": number, "notify_url": url, "money": money}
        return Payment(number, kind, dict(params) if kind == "epay" else order)

    def pay(self, payment: Payment) -> None:
        """Somebody pays: from now on the gateway says so."""
        payment.paid_at = time.time()
        self.payments.append(payment)
        if payment.kind == "epay":
            epay.pay(self.address, payment.order)
            return
        told = {"number": payment.number, "money": payment.order["money"], "gateway": payment.kind}
        merchant = getattr(self.others[payment.kind], "merchant", "")
        apis.tell(self.address, "payment", {**told, "merchant": merchant})

    def quota(self) -> int:
        """Root's, who orders everything here."""
        return int(self.site.rows("SELECT quota FROM users WHERE id = 1")[0][0])

    def wait(self) -> None:
        """Until One API answers again."""
        process.wait_until(self.site.answers, 90, "the site")

    def hold(self) -> None:
        """Let nobody write to One API's database for some seconds, beginning now."""
        store = self.site.store
        hold = (
            partial(store.hold, *self.tables) if store else partial(self.site.host.ssh, faults.LOCK)
        )
        threading.Thread(target=hold, daemon=True).start()
        time.sleep(1)

    def succeeded(self) -> list[tuple[str, int]]:
        """Number and quota of the orders that One API's database says succeeded."""
        query = "SELECT trade_no, quota FROM orders WHERE status = 'success'"
        return [(number, quota) for number, quota in self.site.rows(query)]

    def credits(self) -> list[int]:
        """The quotas that One API's database says were credited."""
        query = "SELECT quota FROM logs WHERE type = 1 AND content LIKE '在线充值%'"
        return [quota for (quota,) in self.site.rows(query)]

    def call(self, payment: Payment, *, forged: bool = False, method: str = "") -> bool:
        """The gateway calls once; whether it was taken. A clone of epay may POST."""
        path = "/" + payment.order["notify_url"].split("/", 3)[3]
        call = self._call(payment, forged=forged)
        if method == "POST":
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            call = Call(call.query[1:].encode(), form, "POST")
        try:
            headers = dict(call.headers)
            answer = self.site.outside.request(
                call.method, "https", path + call.query, headers, call.body or None
            )
        except OSError:
            return False
        if payment.kind in {"epay", "alipay"}:
            return answer.status == 200 and answer.body == b"success"
        return answer.status in {200, 204}

    def _call(self, payment: Payment, *, forged: bool) -> Call:
        if payment.kind == "epay":
            account = Gateway(self.epay.roots, key="guessed") if forged else self.epay
            return Call(b"", {}, "GET", f"?{urlencode(account.notification(payment.order))}")
        strangers: dict[str, Alipay | Wxpay | Stripe]
        strangers = {"alipay": Alipay(), "wxpay": Wxpay(), "stripe": Stripe()}
        return (strangers if forged else self.others)[payment.kind].call(payment.order)

    def deliver(self, payment: Payment) -> None:
        """The gateway's whole schedule for one payment."""
        begun = time.monotonic()
        for delay in self.retries[: payment.tries]:
            while time.monotonic() - begun < delay:
                time.sleep(0.2)
            if self.call(payment):
                return


class NewApiShop(Shop):
    """New API: one epay account, in its options; its log names no quota."""

    tables: ClassVar[tuple[str, str]] = ("users", "top_ups")
    # An order is one of the calls that it allows an address twenty of in twenty minutes.
    settings: ClassVar[Mapping[str, Any]] = {
        "environment": {"CRITICAL_RATE_LIMIT_ENABLE": "false"},
    }

    def open(self) -> None:
        api = self.site.api()
        api.login(self.site.host.ssh("cat /etc/one-api/root-password").strip())
        api.request("POST", "/api/option/payment_compliance", {"confirmed": True})
        account = {"PayAddress": self.epay.pay_domain, "EpayId": self.epay.partner}
        for key, value in (account | {"EpayKey": self.epay.key}).items():
            api.set_option(key, value)
        self.rows, self.begun = {"epay": ""}, self.quota()

    def order(self, kind: str, amount: int = 0, uuid: str = "") -> Payment | None:
        # A balance ends at 2^31 since 2026-08-14, and an order beyond it is refused.
        body = {"amount": amount or self.chance.randint(1, 3), "payment_method": "alipay"}
        try:
            params = dict(self.site.api().request("POST", "/api/user/pay", body)["data"])
            return Payment(params["out_trade_no"], kind, params)
        except Exception:  # whatever the fault of the moment does to it
            return None

    def succeeded(self) -> list[tuple[str, int]]:
        rows = self.site.rows("SELECT trade_no, amount FROM top_ups WHERE status = 'success'")
        return [(number, amount * 500_000) for number, amount in rows]

    def credits(self) -> list[int]:
        """What root's quota grew by: the orders' quotas, or one sum that is not theirs."""
        quotas = [quota for _number, quota in self.succeeded()]
        grown = self.quota() - self.begun
        return quotas if grown == sum(quotas) else [grown]


SHOPS: Mapping[str, type[Shop]] = {"one-hub": Shop, "done-hub": Shop, "new-api": NewApiShop}


def run(shop: Shop, count: int, pace: float, chosen: str = "") -> Counter[str]:
    """Pay ``count`` times, with faults; which there were. ``chosen``: how their names begin."""
    seen: Counter[str] = Counter()

    def break_things() -> None:
        chance, known = random.Random(shop.chance.random()), faults.of(shop.site, shop.tables)
        begins = tuple(chosen.split(","))
        kinds = {name: act for name, act in known.items() if name.startswith(begins)}
        while not shop.done.wait(chance.uniform(4, 12)):
            name = chance.choice(list(kinds))
            seen[name] += 1
            kinds[name]()

    breaker = threading.Thread(target=break_things, daemon=True)
    breaker.start()
    try:
        with ThreadPoolExecutor(200) as pool:
            while len(shop.payments) < count:
                pay_one(shop, pool)
                time.sleep(pace)
    finally:
        shop.done.set()
        breaker.join()
    return seen


def pay_one(shop: Shop, pool: ThreadPoolExecutor) -> None:
    """Somebody orders, and mostly pays: once, late, twice, or the gateway never says so."""
    payment = shop.order(shop.chance.choice(list(shop.rows)))
    fate = shop.chance.random()
    if payment is None or fate < 0.1:  # ordered, never paid
        return
    if fate < 0.15:
        pool.submit(shop.call, payment, forged=True)
        if fate < 0.12:
            return
    payment.tries = 0 if fate > 0.92 else 1 if fate > 0.8 else len(shop.retries)
    if shop.think:
        pool.submit(_pay, shop, pool, payment, fate)
    else:
        _pay(shop, pool, payment, fate)


def _pay(shop: Shop, pool: ThreadPoolExecutor, payment: Payment, fate: float) -> None:
    time.sleep(shop.think)
    shop.pay(payment)
    pool.submit(shop.deliver, payment)
    if 0.2 < fate < 0.25 + shop.twins:  # twice: at once, or soon after
        time.sleep(shop.chance.uniform(0, TOGETHER) if fate < 0.2 + shop.twins else 0.3)
        pool.submit(shop.call, payment)


def settle(shop: Shop, seconds: float = SETTLE) -> float:
    """Wait until every paid order is credited or a case, so long at most; how long that took."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        with contextlib.suppress(LabError):
            if not _open(shop):
                break
        time.sleep(10)
    return time.monotonic() - begun


def _open(shop: Shop) -> bool:
    """Whether something is neither credited nor a case."""
    cases, rows = ledgers.cases(shop.site), shop.succeeded()
    done = {number for number, _quota in rows}
    uncredited = Counter(quota for _number, quota in rows) - Counter(shop.credits())
    told = sum(kind == "success_uncredited" for kind in cases.values())
    return bool({each.number for each in shop.payments} - done - set(cases)) or (
        uncredited.total() > told
    )


def table(shop: Shop) -> list[tuple[str, str]]:
    """What One API's database, the ledger and the gateways say, side by side."""
    site, paid = shop.site, {each.number: each for each in shop.payments}
    rows = shop.succeeded()
    done = {number for number, _quota in rows}
    credits = Counter(shop.credits())
    acts = ledgers.rows(site, "SELECT number, kind, ended FROM acts WHERE result = 'credited'")
    ways = Counter({number: kind for number, kind, _ended in acts}.values())
    cases = {n: k for n, k in ledgers.cases(site).items() if k != "invalid_signature"}
    at = dict(
        ledgers.rows(site, "SELECT number, at FROM callbacks WHERE is_accepted ORDER BY at DESC")
    )
    at |= {number: ended for number, _kind, ended in acts}
    delays = sorted(max(at[n] - paid[n].paid_at, 0) for n in done if n in paid and n in at)
    wanted = Counter(quota for _number, quota in rows)
    return [
        ("paid at the gateways", str(len(paid))),
        ("credited by callback", str(len(done) - sum(ways.values()))),
        ("credited by replay", str(ways["replay"])),
        ("credited by asking the gateway", str(ways["reconcile"])),
        ("open cases", f"{len(set(cases) - done)} {dict(Counter(cases.values()))}"),
        *_explained(shop, set(cases) - done),
        ("lost (paid, neither credited nor a case)", str(len(set(paid) - done - set(cases)))),
        *_lost(paid[number] for number in set(paid) - done - set(cases)),
        ("invented (credited, not paid)", str(len(done - set(paid)))),
        ("doubled", str((credits - wanted).total())),
        ("a success without its credit", str((wanted - credits).total())),
        ("delay p50 / p95 / max", " / ".join(f"{each:.1f} s" for each in _shares(delays))),
    ]


def _lost(payments: Iterable[Payment]) -> list[tuple[str, str]]:
    """Lost payments by gateway, and by how often it would have called at most."""
    counts = Counter(f"  {each.kind}, {each.tries} calls at most" for each in payments)
    return [(words, str(count)) for words, count in sorted(counts.items())]


def _explained(shop: Shop, numbers: set[str]) -> list[tuple[str, str]]:
    """Open cases by gateway, by what the log has of them, and by what the admin is told to do."""
    called = "SELECT number FROM callbacks WHERE is_genuine = 1 AND is_paid = 1"
    known = {number for (number,) in ledgers.rows(shop.site, called)}
    told = dict(ledgers.rows(shop.site, "SELECT number, remedy FROM cases WHERE closed IS NULL"))
    kinds = {each.number: each.kind for each in shop.payments}
    last = dict(ledgers.rows(shop.site, "SELECT number, result FROM acts ORDER BY id"))
    counts = Counter(
        f"  {kinds.get(n, '?')}, {'called' if n in known else 'never called'}: {told[n]}"
        f"{last.get(n, '')[:60]}"
        for n in numbers
    )
    return [(words, str(count)) for words, count in sorted(counts.items())]


def _shares(values: Sequence[float]) -> tuple[float, ...]:
    if not values:
        return (0.0, 0.0, 0.0)
    return values[len(values) // 2], values[int(len(values) * 0.95)], values[-1]


def main() -> None:
    """One run, and its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--payments", type=int, default=1000)
    parser.add_argument("--pace", type=float, default=0.3, help="seconds between orders")
    parser.add_argument("--gateways", default="epay,alipay,wxpay,stripe")
    parser.add_argument("--system", default="debian-13")
    parser.add_argument("--edition", default="one-hub", choices=SHOPS, help="new-api: epay alone")
    parser.add_argument("--database", default="sqlite", choices=("sqlite", *databases.KINDS))
    parser.add_argument("--faults", default="", help="those whose names begin so: A,B")
    parser.add_argument("--twins", type=float, default=0.05, help="share of payments told twice")
    options = parser.parse_args()
    make = SHOPS[options.edition]
    lab = Lab(f"p{options.seed}{options.edition[0]}{options.database[0]}")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        host = lab.create("shop", options.system)
        lab.point("shop.lab.test", host)
        own = {"domain": "shop.lab.test", "edition": options.edition, **make.settings}
        site = LabSite(lab, host, host.connection() | lab.settings() | own)
        if options.database != "sqlite":
            site.use(databases.KINDS[options.database](host))
        site.converge()
        chance, kinds = random.Random(options.seed), options.gateways.split(",")
        shop = make(site, chance, kinds, twins=options.twins)
        shop.open()
        seen = run(shop, options.payments, options.pace, options.faults)
        print("faults:", dict(seen), flush=True)
        print(f"settled after {settle(shop):.0f} s", flush=True)
        for name, value in table(shop):
            print(f"{name:45} {value}")
    finally:
        lab.down()


if __name__ == "__main__":
    main()
