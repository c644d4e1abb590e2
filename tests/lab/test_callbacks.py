"""Callbacks: recorded as they came, replayed, reconciled, and never credited twice."""

import base64
import binascii
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from one_api_infra.checks import catalogue
from one_api_infra.checks.verdict import State
from one_api_infra.lab import epay
from one_api_infra.lab.gateway import Gateway
from one_api_infra.remote import status
from one_api_infra.server import callback_service as callbacks
from one_api_infra.server.callbacks import schedule
from one_api_infra.shared import paths
from tests.lab import ledgers, payments
from tests.lab.sites import ROOT, LabSite

QUOTA = 5000000
KILLS = int(os.environ.get("ONE_API_TEST_KILLS", "20"))


@pytest.fixture
def paid(site: LabSite, gateway: Gateway) -> Iterator[LabSite]:
    """A site with a payment row."""
    payments.add_payment(site, gateway)
    site.host.ssh("systemctl stop one-api-callbacks.timer")  # the test says when it runs
    yield site


def _url(site: LabSite) -> str:
    uuid = site.api().payments()[0]["uuid"]
    return f"https://{site.domain}/api/payment/notify/{uuid}"


def test_record_holds_every_byte(paid: LabSite) -> None:
    path = _url(paid).removeprefix(f"https://{paid.domain}")
    bodies = [b"", "name=充值&x=1".encode("gb18030"), bytes(range(256)) * 256]
    for body in bodies:
        reply = paid.outside.request("POST", "https", path, body=body)
        assert reply.status == 200, reply
    found = [line for line in ledgers.log(paid) if line["method"] == "POST"][-3:]
    assert [base64.b64decode(line["body64"]) for line in found] == bodies
    assert {binascii.unhexlify(line["answer16"]) for line in found} == {b"fail"}


def test_callback_that_met_a_stopped_one_api_is_replayed(paid: LabSite, gateway: Gateway) -> None:
    order = payments.create_order(paid, gateway)
    before = ledgers.credited(paid)
    paid.host.ssh("systemctl stop one-api.service")
    reply = paid.notified(gateway, _url_of(order), order)
    assert reply.status == 502
    paid.host.ssh("systemctl start one-api.service")
    time.sleep(11)
    ledgers.run(paid)
    number = order["out_trade_no"]
    assert ledgers.status(paid, number) == "success"
    assert ledgers.credited(paid) == before + QUOTA
    assert ledgers.acts(paid, number) == [("replay", "credited")]
    ledgers.run(paid)
    assert ledgers.acts(paid, number) == [("replay", "credited")]
    assert not ledgers.cases(paid)


def test_payment_of_a_silent_gateway_is_reconciled(paid: LabSite, gateway: Gateway) -> None:
    address = paid.lab.network.service("gateway")
    order, unpaid, lying = (payments.create_order(paid, gateway) for _each in range(3))
    before = ledgers.credited(paid)
    epay.pay(address, order)
    epay.pay(address, unpaid, status=0, endtime=None)
    epay.pay(address, lying, endtime=None)
    for each in (order, unpaid, lying):
        ledgers.age(paid, each["out_trade_no"], 100)
    ledgers.run(paid)
    states = [ledgers.status(paid, each["out_trade_no"]) for each in (order, unpaid, lying)]
    assert states == ["success", "pending", "pending"]
    assert ledgers.credited(paid) == before + QUOTA
    assert ledgers.acts(paid, order["out_trade_no"]) == [("reconcile", "credited")]
    assert gateway.key not in _everything_written(paid)
    analyze = "systemd-analyze security --no-pager one-api-callbacks.service | tail -n 1"
    words = paid.host.ssh(analyze).split()
    assert float(next(word for word in words if word.replace(".", "").isdigit())) <= 2.5


def test_wrong_amount_and_forgery_are_cases_and_no_credit(paid: LabSite, gateway: Gateway) -> None:
    address = paid.lab.network.service("gateway")
    order, forged = (payments.create_order(paid, gateway) for _each in range(2))
    before = ledgers.credited(paid)
    epay.pay(address, order, money="0.01")
    ledgers.age(paid, order["out_trade_no"], 100)
    parameters = gateway.notification(forged) | {"sign": "0" * 32}
    reply = paid.outside.get(f"{_path(forged)}?{urlencode(parameters)}")
    assert reply.body == b"fail"
    for _run in range(2):
        ledgers.run(paid)
    assert ledgers.credited(paid) == before
    found = ledgers.cases(paid)
    assert found[order["out_trade_no"]] == "amount_differs"
    assert sorted(found.values()) == ["amount_differs", "invalid_signature"]
    assert ledgers.rows(paid, "SELECT count(*) FROM cases")[0][0] == 2


def test_order_and_report_are_one_command_each(
    paid: LabSite, gateway: Gateway, tmp_path: Path
) -> None:
    order = payments.create_order(paid, gateway)
    number = order["out_trade_no"]
    paid.host.ssh("systemctl stop one-api.service")
    paid.notified(gateway, _url_of(order), order)
    down = _command(paid, "order", number)
    assert "One API did not run when the callback came (HTTP 502)." in down
    assert "nobody knows whether it is paid" in down
    assert "Error" not in down
    paid.host.ssh("systemctl start one-api.service")
    ledgers.run(paid)
    shown = _command(paid, "order", number)
    assert "HTTP 502" in shown
    assert "One API did not run when the callback came (HTTP 502)." in shown
    assert gateway.key not in shown
    assert dict(gateway.notification(order))["sign"] not in shown
    assert "回调到达时 One API 没有运行" in _command(paid, "order", number, language="zh_CN.UTF-8")
    assert "nothing is known" in _command(paid, "order", "404").lower()
    paid.host.ssh("systemctl start one-api-monitor.service")  # which knows the certificate's end
    _command(paid, "report", "--output", str(tmp_path))
    page = (tmp_path / f"{paid.host.name}.html").read_text()
    assert paid.domain in page
    assert "certificate, days left" in page
    assert gateway.key not in page


@pytest.mark.long
def test_agent_that_is_killed_forgets_and_doubles_nothing(paid: LabSite, gateway: Gateway) -> None:
    """SIGKILL at any moment, while orders wait to be replayed and asked for."""
    ledgers.run(paid)  # on a slow machine every kill could come before its first line
    address = paid.lab.network.service("gateway")
    orders = [payments.create_order(paid, gateway) for _each in range(20)]
    before = ledgers.credited(paid)
    paid.host.ssh("systemctl stop one-api.service")
    for order in orders[::2]:
        paid.notified(gateway, _url_of(order), order)
    paid.host.ssh("systemctl start one-api.service")
    for order in orders:
        epay.pay(address, order)
        ledgers.age(paid, order["out_trade_no"], 100)
    time.sleep(schedule.SETTLE)
    kill = "systemctl kill --signal=KILL one-api-callbacks.service"
    script = (
        f"for n in $(seq {KILLS}); do systemctl start --no-block one-api-callbacks.service;"
        f" sleep $(shuf -e 0.1 0.2 0.3 0.5 0.7 0.9 1.2 1.5 -n 1); {kill} 2>/dev/null; done; true"
    )
    paid.host.ssh(script)
    for _run in range(3):
        ledgers.pass_time(paid, schedule.LONGEST)
        ledgers.run(paid)
    assert {ledgers.status(paid, order["out_trade_no"]) for order in orders} == {"success"}
    assert ledgers.credited(paid) == before + len(orders) * QUOTA
    assert ledgers.rows(paid, "PRAGMA integrity_check") == [["ok"]]
    ended = "SELECT number FROM acts WHERE result = 'credited' GROUP BY number HAVING count(*) > 1"
    assert ledgers.rows(paid, ended) == []


def test_off_leaves_a_site_and_nothing_of_the_agent(paid: LabSite, gateway: Gateway) -> None:
    ledgers.run(paid)
    paid.settings["callbacks"] = "off"
    paid.converge()
    places = "/etc/systemd/system/one-api-callbacks* /var/lib/one-api-callbacks"
    left = f"ls -d {places}; id one-api-callbacks"
    assert "one-api-callbacks" not in paid.host.ssh(f"({left}) 2>/dev/null; true")
    order = payments.create_order(paid, gateway)
    assert paid.notified(gateway, _url_of(order), order).is_accepted
    assert paid.deploy("-y", "--json").changed == []


def _everything_written(site: LabSite) -> str:
    """What the agent left anywhere, and what stands in the journal."""
    places = "/var/lib/one-api-callbacks /var/log/one-api-infra"
    text = "tr -cd '[:print:]'"
    return site.host.ssh(f"cat $(find {places} -type f) | {text}; journalctl --no-pager")


def _command(site: LabSite, *arguments: str, language: str = "C.UTF-8") -> str:
    """Our own command's output, whatever its exit code."""
    site.inventory()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("one-api-infra")), *arguments],
        cwd=ROOT,
        env=site.environment(LC_ALL=language),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def _url_of(order: dict[str, str]) -> str:
    return order["notify_url"]


def _path(order: dict[str, str]) -> str:
    return "/" + order["notify_url"].split("/", 3)[3]


def test_damaged_ledger_is_made_anew(paid: LabSite, gateway: Gateway) -> None:
    """What was credited stays so, what was not is credited, and the admin is told."""
    done, lost = (payments.create_order(paid, gateway) for _each in range(2))
    before = ledgers.credited(paid)
    paid.notified(gateway, _url_of(done), done)
    ledgers.run(paid)
    paid.host.ssh("systemctl stop one-api.service")
    paid.notified(gateway, _url_of(lost), lost)
    paid.host.ssh("systemctl start one-api.service")
    damage = f"dd if=/dev/urandom of={paths.LEDGER} bs=4096 seek=1 count=30 conv=notrunc"
    paid.host.ssh(f"rm -f {paths.LEDGER}-*; {damage}")
    paid.host.ssh("systemctl start one-api-callbacks", check=False)
    paid.host.ssh(f"test -e {callbacks.DAMAGED}")
    time.sleep(11)
    ledgers.run(paid)
    assert ledgers.credited(paid) == before + 2 * QUOTA
    states = [ledgers.status(paid, each["out_trade_no"]) for each in (done, lost)]
    assert states == ["success", "success"]
    seen = catalogue.judge(status.observe(paid.host.name, paid.settings))
    (verdict,) = [each for each in seen if each.id == "ledger.is_whole"]
    assert verdict.state is State.WARNING
