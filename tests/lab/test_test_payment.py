"""A test payment at each gateway, paid by the lab itself, and on sites that are broken."""

import contextlib
import json
import random
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from benchmarks.payments import SHOPS, Payment, Shop
from one_api_infra.lab import epay
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.lab import Lab
from one_api_infra.shared.test_payment import STEPS
from tests.lab import ledgers, real
from tests.lab.conftest import packaged_site
from tests.lab.faults import table
from tests.lab.faults.trial import act
from tests.lab.payments import add_payment
from tests.lab.sites import ROOT, LabSite
from tests.lab.test_status import COMMAND

KINDS = {"one-hub": ("epay", "alipay", "wxpay", "stripe"), "new-api": ("epay",)}
QUOTA = "SELECT quota FROM users WHERE username = 'payment-test'"


@pytest.fixture(scope="module")
def shop(lab: Lab) -> Iterator[Shop]:
    """A site with all gateways of its edition."""
    site = packaged_site(lab, "tested", "tested.lab.test")
    edition = real.edition() or "one-hub"
    make = SHOPS[edition]
    site.settings |= {**make.settings, "edition": edition}
    site.converge()
    made = make(site, random.Random(1), KINDS[edition])
    made.open()
    yield made
    site.host.remove()


def watched(
    shop: Shop, *options: str, act: Callable[[Payment], None]
) -> tuple[int, dict[str, dict[str, Any]]]:
    """The command's exit code and each gateway's end; ``act`` is what becomes of an order."""
    shop.site.inventory()
    command = [COMMAND[0], "test-payment", "--json", "--minutes", "2", *options]
    told: dict[str, dict[str, Any]] = {}
    with subprocess.Popen(
        command, cwd=ROOT, env=shop.site.environment(), text=True, stdout=subprocess.PIPE
    ) as process:
        for line in process.stdout or ():
            found = json.loads(line)
            is_new = found["gateway"] not in told
            told[found["gateway"]] = found
            if is_new and found["number"] and not found["is_over"]:
                threading.Thread(target=act, args=(payment(shop, found),), daemon=True).start()
    return process.returncode, told


def payment(shop: Shop, found: dict[str, Any]) -> Payment:
    """The order as the payer's page knows it."""
    kind = str(found["gateway"])
    url = f"https://{shop.site.domain}/api/payment/notify/{shop.rows[kind]}"
    order = {"out_trade_no": found["number"], "money": found["money"], "notify_url": url}
    # epay's own page knows more of it, by the link.
    return Payment(found["number"], kind, order | dict(parse_qsl(urlsplit(found["link"]).query)))


def paid(shop: Shop) -> Callable[[Payment], None]:
    """It is paid, and the gateway calls."""

    def act(made: Payment) -> None:
        shop.pay(made)
        assert shop.call(made)

    return act


def failed(told: dict[str, Any]) -> list[str]:
    return [step["name"] for step in told["steps"] if step["state"] == "failed"]


@pytest.mark.long
def test_a_good_site_passes_every_step_at_each_gateway(shop: Shop) -> None:
    code, told = watched(shop, act=paid(shop))
    assert (code, sorted(told)) == (0, sorted(shop.kinds)), json.dumps(told, indent=1)
    for kind, end in told.items():
        assert [step["name"] for step in end["steps"]] == list(STEPS), kind
        assert {step["state"] for step in end["steps"]} == {"done"}, (kind, end)
    ((quota,),) = shop.site.rows(QUOTA)
    assert quota >= len(shop.kinds) * 500_000
    ledgers.run(shop.site)
    status = subprocess.run(
        [COMMAND[0], "status", "--json"], cwd=ROOT, env=shop.site.environment(), check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    (verdicts,) = json.loads(status.stdout).values()
    (verdict,) = (each for each in verdicts if each["id"] == "payment.test")
    assert verdict["state"] == "ok"
    assert "last proved by a payment" in verdict["cause"]


# A fault of the table, and the step at which a payment shows it.
BROKEN = {
    "callback domain: another domain": "notify_url",
    "callback domain: http": "notify_url",
    "ServerAddress: localhost": "return_url",
    "nginx down": "callback",
    "port 443 refused": "callback",
    "self-signed": "callback",
    "expired": "callback",
    "another name": "callback",
    "301 on the callback route": "answer",
    "blocked": "answer",
    "web page": "answer",
    "another program's answer": "credited",
}
FAULTS = {fault.name: fault for fault in table.FAULTS if fault.name in BROKEN}


@pytest.mark.long
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_site_is_named_by_its_step_and_its_check(
    site: LabSite, gateway: Gateway, name: str
) -> None:
    add_payment(site, gateway)
    site.converge()
    fault = FAULTS[name]
    act(site, fault.do)
    code, said = paid_by_link(site, gateway)
    assert code == 1, said
    assert f"failed at: {STEPS[BROKEN[name]]}" in said, said
    assert f"{fault.check}: " in said, said
    act(site, fault.undo or fault.mend)
    site.converge()
    code, said = paid_by_link(site, gateway)
    assert (code, "proved by a payment" in said) == (0, True), said


def paid_by_link(site: LabSite, gateway: Gateway) -> tuple[int, str]:
    """The command as a person uses it, who pays by the link that it shows."""
    site.inventory()
    command = [COMMAND[0], "test-payment", "--minutes", "0.4"]
    said = ""
    with subprocess.Popen(
        command, cwd=ROOT, env=site.environment(), text=True, stdout=subprocess.PIPE
    ) as process:
        for line in process.stdout or ():
            said += line
            if line.startswith("Pay "):
                order = dict(parse_qsl(urlsplit(line.split()[-1]).query))
                epay.pay(site.lab.network.service("gateway"), order)
                with contextlib.suppress(OSError):
                    site.notified(gateway, order["notify_url"], order)
    return process.returncode, said
