"""A site moves to another host under load: nothing is lost, doubled or cut."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.lab import Lab
from one_api_infra.lab.process import wait_until
from tests.lab import ledgers
from tests.lab.load import Load
from tests.lab.payments import add_payment, create_order, credited
from tests.lab.sites import BOOT, ROOT, LabSite
from tests.lab.streams import prepare, stream
from tests.lab.test_status import COMMAND

EVENTS, GAP = 250, 200  # of a stream: fifty seconds
MOVED = "/var/lib/one-api-infra/moved.json"
BEGUN = "/var/lib/one-api-infra/move/begun.json"


@pytest.fixture
def new(lab: Lab, site: LabSite) -> Iterator[LabSite]:
    """A blank host with the same settings, to which the site is to move."""
    host = lab.create("new", "debian-12")
    moves = {**site.settings, **host.connection(), "moves_from": site.host.address}
    made = LabSite(lab, host, moves)
    yield made
    host.remove()


def both(site: LabSite, new: LabSite) -> None:
    site.lab.write_inventory({site.host.name: site.settings, new.host.name: new.settings})


def move(site: LabSite, new: LabSite) -> dict[str, Any]:
    """The literal command on both hosts."""
    site.inventory = new.inventory = lambda **_settings: both(site, new)  # type: ignore[method-assign]
    done = site.deploy("-y", "--json", name="move")
    assert done.code == 0, done.stderr
    return {"changed": done.changed, **json.loads(site.host.ssh(f"cat {MOVED}"))}


@pytest.mark.long
def test_nothing_is_lost_under_load(
    lab: Lab, site: LabSite, new: LabSite, gateway: Gateway
) -> None:
    add_payment(site, gateway)
    token = prepare(site, f"stream-{EVENTS}-{GAP}")
    site.converge()
    before, orders = credited(site), list[str]()

    def pay() -> None:
        order = create_order(site, gateway)
        orders.append(order["out_trade_no"])
        assert site.notified(gateway, order["notify_url"], order).is_accepted

    def ask() -> None:
        assert site.outside.get("/api/status").status == 200

    with ThreadPoolExecutor(10) as pool:
        loads = [Load(pay, 0.5), *(Load(ask, 0.1) for _n in range(2))]
        streams = list[Future[int]]()
        threading.Timer(20, lambda: streams.extend(
            pool.submit(stream, site, token, f"stream-{EVENTS}-{GAP}") for _n in range(10)
        )).start()  # fmt: skip
        moved = move(site, new)
        time.sleep(5)  # what comes now is handed on
        for load in loads:
            load.end()
        counted = [each.result() for each in streams]
    assert [load.failures for load in loads] == [[], [], []]
    assert counted == [EVENTS] * 10
    paid = new.rows("SELECT trade_no FROM orders WHERE status = 'success'")
    assert sorted(paid) == sorted([[each] for each in orders])
    assert credited(new) - before == len(orders) * 5_000_000
    print(f"waited {moved['waited']} s, longest {max(load.longest for load in loads):.2f} s,"
          f" payments {len(orders)}, requests {sum(load.done for load in loads[1:])}")  # fmt: skip
    assert (
        new.host.ssh("systemctl is-active one-api nginx one-api-callbacks.timer").split()
        == ["active"] * 3
    )
    assert site.deploy("-y", "--json", name="move").changed == []


@pytest.mark.long
def test_what_is_handed_on(lab: Lab, site: LabSite, new: LabSite, gateway: Gateway) -> None:
    add_payment(site, gateway)
    site.converge()
    ledgers.run(site)
    held = site.rows("SELECT id, username FROM users")
    moved = move(site, new)
    assert moved["told"] == []
    assert new.rows("SELECT id, username FROM users") == held
    # The client's address is the client's, on both ways in.
    site.outside.get("/api/status?by=old")
    order = create_order(site, gateway)
    assert site.notified(gateway, order["notify_url"], order).is_accepted
    line = json.loads(new.host.ssh("tail -n 1 /var/log/one-api-infra/callbacks.log"))
    assert line["client"] == str(lab.network.service("gateway").rpartition(".")[0]) + ".1"
    assert site.host.ssh("systemctl is-active one-api", check=False).strip() == "inactive"
    refused = site.deploy("-y")
    assert refused.code != 0
    assert "has moved to another" in refused.stderr
    before = site.host.ssh(BOOT)
    site.host.ssh("systemctl reboot", check=False)
    wait_until(lambda: before not in site.host.ssh(BOOT, check=False) and site.answers(), 60, "it")
    threading.Timer(10, lab.point, (site.domain, new.host)).start()
    said = command(site, "move", "--yes")
    assert f"Now let {site.domain} lead to {new.host.address}" in said  # not while it leads here
    assert "may go" in said
    assert "one-api-infra-move" not in new.host.ssh("cat /root/.ssh/authorized_keys")
    assert "its site has moved" in command(site, "status", "--limit", site.host.name)


def command(site: LabSite, *words: str) -> str:
    """What our own command says, to its end."""
    done = subprocess.run(
        [COMMAND[0], *words], cwd=ROOT, env=site.environment(), capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.long
def test_a_move_that_is_cut_off_goes_on(site: LabSite, new: LabSite, gateway: Gateway) -> None:
    """Killed at points of the switch: the old server serves, and the next run succeeds."""
    add_payment(site, gateway)
    site.converge()
    before, paid = credited(site), 0
    site.inventory = lambda **_settings: both(site, new)  # type: ignore[method-assign]
    for moment in (0.2, 0.8, 1.4):
        kill = f"until [ -e {BEGUN} ]; do sleep 0.05; done; sleep {moment};"
        kill += " systemctl kill -s KILL --kill-whom=main one-api-move"
        site.host.ssh(f"systemd-run --quiet sh -c '{kill}'")
        site.deploy("-y", name="move")
        if site.host.ssh(f"ls {MOVED} || true"):
            break  # it was past the point of return
        wait_until(site.answers, 20, "the old server")
        order = create_order(site, gateway)
        assert site.notified(gateway, order["notify_url"], order).is_accepted
        paid += 1
    assert paid >= 2
    moved = move(site, new)
    assert moved["told"] == []
    assert credited(new) - before == paid * 5_000_000
    assert site.answers()
    assert new.answers()


@pytest.mark.long
@pytest.mark.parametrize("which", ["old", "new"])
def test_a_reboot_amid_the_switch_loses_nothing(
    site: LabSite, new: LabSite, gateway: Gateway, which: str
) -> None:
    """Either server is switched off and on at once: the old one serves, the next run succeeds."""
    add_payment(site, gateway)
    site.converge()
    before = credited(site)
    site.inventory = lambda **_settings: both(site, new)  # type: ignore[method-assign]
    off = site.host if which == "old" else new.host
    begun = threading.Event()

    def reboot() -> None:
        wait_until(lambda: bool(site.host.ssh(f"ls {BEGUN}", check=False)), 300, "the switch")
        off.stop()
        off.boot()
        begun.set()

    rebooting = threading.Thread(target=reboot)
    rebooting.start()
    site.deploy("-y", name="move")
    rebooting.join()
    assert begun.is_set()
    wait_until(site.answers, 60, "the site")
    order = create_order(site, gateway)
    assert site.notified(gateway, order["notify_url"], order).is_accepted
    moved = move(site, new)
    assert moved["told"] == []
    assert credited(new) - before == 5_000_000
    assert site.answers()
    assert new.answers()
