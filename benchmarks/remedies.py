"""Every kind of case, and an admin who follows it to the letter: ``python -m benchmarks.remedies``.

A site in the lab; for each kind of case an order of its own sum. What ``order NUMBER`` prints is
done, word by word; then the row is enabled, gateways call again, and time goes by hour by hour for
more than a day. In the end what was paid is what was credited, order by order and in the balance.
Root, a lab, about three minutes; ``ONE_API_BINARY`` names a real One API.
"""

import argparse
import json
import os
import random
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from benchmarks.payments import SHOPS, Payment, Shop
from one_api_infra.lab import epay
from one_api_infra.lab.lab import Lab
from one_api_infra.shared import paths
from tests.lab import databases, ledgers
from tests.lab.sites import LabSite

UNIT = 500_000
CALL = re.compile(r"`(PUT|POST) (/\S+?)`[^{]*(\{[^}]*\})")
HOURS = 30
RETRY_AT = (1, 4, 20)  # hours
DONE = "--done"


@dataclass
class Story:
    """An order, what is to come of it, and what its gateway's and user's pages show."""

    name: str
    payment: Payment
    worth: int
    is_credited: bool = False  # though the log does not show it
    method: str = "GET"


@dataclass
class Play:
    """The site, its orders, and what the admin has done so far."""

    shop: Shop
    stories: dict[str, Story] = field(default_factory=dict)
    followed: set[tuple[Any, ...]] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    uuids: list[str] = field(default_factory=list)

    @property
    def site(self) -> LabSite:
        """The site."""
        return self.shop.site

    @property
    def is_one_hub(self) -> bool:
        """Whether payment rows can be disabled and deleted, and orders be closed."""
        return self.site.site.edition.payment_rows

    # What happens.

    def begin(self, name: str, worth: float = 1.0, uuid: str = "") -> Story:
        """Somebody orders, for a sum that nobody else orders for."""
        amount = 2 * (len(self.stories) + 1)
        payment = self.shop.order("epay", amount, uuid)
        if payment is None:
            raise RuntimeError(f"no order for {name}")
        story = Story(name, payment, int(amount * UNIT * worth))
        self.stories[payment.number] = story
        return story

    def pay(self, story: Story, part: float = 1.0) -> None:
        """Pay it, or a part."""
        order = story.payment.order
        order["money"] = f"{float(order['money']) * part:.2f}"
        epay.pay(self.shop.address, order)

    def call(self, story: Story) -> None:
        """The gateway calls."""
        self.shop.call(story.payment, method=story.method)

    def row(self, name: str) -> dict[str, Any]:
        """One more payment row for epay."""
        api = self.site.api()
        address = {"notify_domain": self.site.site.callback_origin, "name": name}
        added = api.request("POST", "/api/payment/", self.shop.epay.payment_row() | address)
        return dict(added["data"])

    def sql(self, one_hub: str, new_api: str, **values: Any) -> None:
        """Change One API's database."""
        ledgers.write(self.site, (one_hub if self.is_one_hub else new_api).format(**values))

    # What the admin does.

    def follow(self) -> None:
        """Read what is told of each open case, and do it."""
        query = "SELECT number, class, remedy, quota FROM cases WHERE closed IS NULL"
        for row in ledgers.rows(self.site, query):
            if tuple(row) not in self.followed and row[0] in self.stories:
                self.followed.add(tuple(row))
                self._follow(self.stories[row[0]], row[2])

    def _follow(self, story: Story, remedy: str) -> None:
        number = story.payment.number
        text = self.site.host.ssh(
            f"ONE_API_INFRA_LANGUAGE=en {paths.agent(f'order {number}')}"
        ).partition("Verdict:")[2]
        self.told.append(f"{story.name}: {remedy}")
        if self._is_right(story, remedy):
            self._done(number)
            return
        for method, path, body in CALL.findall(text):
            answer = self.site.api().request(method, path, json.loads(body))
            if not answer.get("success"):
                raise RuntimeError(f"{story.name}: {method} {path} {body}: {answer}")
        if "When it is done" in text:
            self._done(number)

    def _is_right(self, story: Story, remedy: str) -> bool:
        """What the gateway's console and the user's balance tell the admin."""
        if remedy == "look":
            return story.worth > 0
        return remedy == "compare" and story.is_credited

    def _done(self, number: str) -> None:
        self.site.host.ssh(paths.agent(f"order-done {number}"))

    # How time goes by.

    def wait(self, hours: int) -> None:
        """Hours pass, for One API's rows and for the ledger, and the agent runs."""
        seconds = 3600 * hours
        tables = {"orders": "created_at"} if self.is_one_hub else {"top_ups": "create_time"}
        for table, column in (tables | {"logs": "created_at"}).items():
            ledgers.write(self.site, f"UPDATE {table} SET {column} = {column} - {seconds}")
        if not self.is_one_hub:
            later = f"UPDATE top_ups SET complete_time = complete_time - {seconds} WHERE"
            ledgers.write(self.site, f"{later} complete_time > 0")
        ledgers.age_all(self.site, seconds)
        self.run()

    def run(self) -> None:
        """The agent runs, and the admin reads."""
        ledgers.run(self.site)
        self.follow()


def disabled(play: Play) -> None:
    """The payment row is disabled when the gateway calls."""
    if not play.is_one_hub:
        return
    row = play.row("disabled")
    story = play.begin("disabled", uuid=row["uuid"])
    play.site.api().request("PUT", "/api/payment/", {"id": row["id"], "enable": False})
    play.pay(story)
    play.call(story)


def deleted(play: Play) -> None:
    """The payment row is deleted after somebody has paid."""
    if not play.is_one_hub:
        return
    row = play.row("deleted")
    story = play.begin("deleted", uuid=row["uuid"])
    play.pay(story)
    play.site.host.ssh("systemctl stop one-api.service")
    play.call(story)
    play.site.host.ssh("systemctl start one-api.service")
    play.shop.wait()
    ledgers.run(play.site)
    play.site.api().request("DELETE", f"/api/payment/{row['id']}")


def posted(play: Play) -> None:
    """A clone of epay that posts."""
    story = play.begin("posted")
    story.method = "POST"
    play.pay(story)
    play.call(story)


def not_writable(play: Play) -> None:
    """One API cannot write while the gateway calls."""
    story = play.begin("not writable")
    play.pay(story)
    play.shop.hold()
    play.call(story)


def paid_late(play: Play) -> None:
    """Paid after One API has closed the order."""
    story = play.begin("paid late")
    number = story.payment.number
    play.sql(
        "UPDATE orders SET status = 'closed' WHERE trade_no = '{number}'",
        "UPDATE top_ups SET status = 'expired' WHERE trade_no = '{number}'",
        number=number,
    )
    play.pay(story)
    play.call(story)


def died_before_the_quota(play: Play) -> None:
    """One API died between the order and the quota."""
    story = play.begin("died before the quota")
    play.sql(
        "UPDATE orders SET status = 'success' WHERE trade_no = '{number}'",
        "UPDATE top_ups SET status = 'success' WHERE trade_no = '{number}'",
        number=story.payment.number,
    )
    play.pay(story)


def died_before_the_log(play: Play) -> None:
    """One API died between the quota and its log."""
    story = play.begin("died before the log")
    story.is_credited = True
    play.pay(story)
    play.call(story)
    play.sql(
        "DELETE FROM logs WHERE type = 1 AND quota = {quota}",
        "DELETE FROM logs WHERE type = 1 AND content LIKE '%＄{dollars:.6f} %'",
        quota=story.worth,
        dollars=story.worth / UNIT,
    )


def thief(play: Play) -> None:
    """Somebody who knows the key, and a way past nginx, credits himself."""
    story = play.begin("thief", worth=0)
    epay.pay(play.shop.address, story.payment.order, status=0, endtime=None)
    call = play.shop.epay.notification(story.payment.order)
    path = "/" + story.payment.order["notify_url"].split("/", 3)[3]
    url = f"http://127.0.0.1:{play.site.site.one_api_port}{path}?{urlencode(call)}"
    get = "import sys, urllib.request as r; r.urlopen(sys.argv[1])"
    play.site.host.ssh(f"python3 -c '{get}' {shlex.quote(url)}")


def half_paid(play: Play) -> None:
    """Half was paid, and One API, which compares no amounts, credits the whole order."""
    story = play.begin("half paid", worth=0.5)
    play.pay(story, 0.5)
    play.call(story)


def half_paid_and_missed(play: Play) -> None:
    """Half was paid while One API was down."""
    story = play.begin("half paid, missed", worth=0.5)
    play.pay(story, 0.5)
    play.site.host.ssh("systemctl stop one-api.service")
    play.call(story)
    play.site.host.ssh("systemctl start one-api.service")
    play.shop.wait()


SCENES: tuple[Callable[[Play], None], ...] = (
    disabled, deleted, posted, not_writable, paid_late, died_before_the_quota,
    died_before_the_log, thief, half_paid, half_paid_and_missed,
)  # fmt: skip


def perform(shop: Shop, step: int = 1) -> tuple[list[str], int, list[str]]:
    """What was told, what the balance has too much (or lacks), and the cases that are left.

    The agent runs every ``step`` hours.
    """
    play, before = Play(shop), shop.quota()
    shop.site.host.ssh("systemctl stop one-api-callbacks.timer")
    ledgers.run(shop.site)
    for scene in SCENES:
        scene(play)
    for hour in range(0, HOURS, step):
        play.wait(step)
        if set(RETRY_AT) & set(range(hour, hour + step)):
            for story in play.stories.values():
                if story.worth:
                    play.call(story)
            play.run()
    shop.order("epay", 1)  # One Hub closes what is overdue when somebody orders
    for _turn in range(3):
        play.wait(1)
    wanted = sum(story.worth for story in play.stories.values())
    left = [f"{play.stories[n].name if n in play.stories else n}: {kind}"
            for n, kind in ledgers.cases(shop.site).items()]  # fmt: skip
    return play.told, shop.quota() - before - wanted, left


def main() -> None:
    """One play, and what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edition", default="one-hub", choices=SHOPS)
    parser.add_argument("--database", default="sqlite", choices=("sqlite", *databases.KINDS))
    options = parser.parse_args()
    make = SHOPS[options.edition]
    lab = Lab(f"rem{options.edition[0]}{options.database[0]}")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        host = lab.create("shop", "debian-13")
        lab.point("shop.lab.test", host)
        own = {"domain": "shop.lab.test", "edition": options.edition, **make.settings}
        site = LabSite(lab, host, host.connection() | lab.settings() | own)
        if options.database != "sqlite":
            site.use(databases.KINDS[options.database](host))
        site.converge()
        shop = make(site, random.Random(1), ["epay"])
        shop.open()
        told, surplus, left = perform(shop)
        print("told:", *told, sep="\n  ")
        print("credited beyond what was paid:", surplus)
        print("cases that are left:", left)
    finally:
        lab.down()


if __name__ == "__main__":
    main()
