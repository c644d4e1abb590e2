"""Double credits, made as they come about: the same notice to two processes of One API at once."""

import json
import shlex
from urllib.parse import urlencode

import pytest

from one_api_infra.lab import epay
from one_api_infra.lab.gateway import Gateway
from tests.lab import ledgers, payments
from tests.lab.sites import DATABASE, LabSite

ORDERS, AT_ONCE = 56, 4
QUOTA = 500_000
SECOND = (
    "systemd-run --quiet --unit=second --uid=one-api"
    " --property=EnvironmentFile=/etc/one-api/one-api.env"
    " --property=EnvironmentFile=/etc/one-api/secrets.env"
    " --property=WorkingDirectory=/var/lib/one-api"
    " /opt/one-api/current/one-api --port 3001 --log-dir /tmp"
)
# Both read that the order is pending while nobody may write; then both write.
TWICE = """
import json, sqlite3, sys, threading, time, urllib.request
paths = json.load(sys.stdin)
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
for at in range(0, len(paths), int(sys.argv[2])):
    db.execute("BEGIN IMMEDIATE")
    calls = [threading.Thread(target=urllib.request.urlopen, args=(f"http://127.0.0.1:{port}{path}",))
             for path in paths[at:at + int(sys.argv[2])] for port in (3000, 3001)]
    [each.start() for each in calls]
    time.sleep(0.5)
    db.execute("COMMIT")
    [each.join() for each in calls]
"""


@pytest.mark.long
@pytest.mark.timeout(600)
def test_all_double_credits_are_told_with_their_sums(site: LabSite, gateway: Gateway) -> None:
    payments.add_payment(site, gateway)
    site.host.ssh(f"systemctl stop one-api-callbacks.timer; {SECOND}")
    ledgers.run(site)
    orders = [payments.create_order(site, gateway, 1) for _each in range(ORDERS)]
    before = payments.credited(site)
    address = site.lab.network.service("gateway")
    for order in orders:
        epay.pay(address, order)
    calls = [f"{_path(order)}?{urlencode(gateway.notification(order))}" for order in orders]
    command = f"python3 -c {shlex.quote(TWICE)} {DATABASE} {AT_ONCE}"
    site.host.ssh(command, stdin=json.dumps(calls))
    surplus = payments.credited(site) - before - ORDERS * QUOTA
    assert surplus == ORDERS * QUOTA  # both processes credited each
    ledgers.run(site)
    ledgers.age_all(site, 300)
    ledgers.run(site)
    query = "SELECT number, -quota FROM cases WHERE class = 'credited_twice' AND closed IS NULL"
    told = dict(map(tuple, ledgers.rows(site, query)))
    assert sum(told.values()) == surplus
    assert set(told) == {order["out_trade_no"] for order in orders}


def _path(order: dict[str, str]) -> str:
    return "/" + order["notify_url"].split("/", 3)[3]
