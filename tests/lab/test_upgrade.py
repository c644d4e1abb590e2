"""A new release beside the old one: no request fails, no stream is cut, no payment is doubled."""

import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from one_api_infra.lab import cgroup
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.process import wait_until
from one_api_infra.shared import paths, units
from tests.lab import ledgers
from tests.lab.load import Load
from tests.lab.payments import add_payment, create_order, credited
from tests.lab.releases import BAD, EATS_MEMORY, fails_later, mirrored
from tests.lab.sites import ROOT, LabSite
from tests.lab.streams import prepare, stream
from tests.lab.test_status import COMMAND

EVENTS, GAP = 200, 200  # of a stream: forty seconds
MODEL = f"stream-{EVENTS}-{GAP}"
LONG = 3 * EVENTS  # of one that lasts whatever a busy machine takes for a deploy
LONG_MODEL = f"stream-{LONG}-{GAP}"
RELEASE = f"readlink {paths.CURRENT}"
# nginx' way to an instance with a payment.
PAY = """python3 -c "import socket
socket.create_connection(('127.0.0.1', {port}), 5, ('127.0.0.2', 0))" 2>/dev/null \
&& echo taken || echo refused"""
KILL_BACK = f"systemctl kill --signal=KILL {units.UPGRADE}; pkill -KILL -f 'pyz [r]ollback'"


def other_release(site: LabSite, folder: Path) -> None:
    """Another program of the same edition: what stands behind its end changes its sum alone.

    The site is of yesterday: on a new one nobody is served who could be cut off.
    """
    site.host.ssh(f"touch -d yesterday {paths.PASSWORD_CONFIRMED}")
    folder.mkdir(exist_ok=True)
    made = folder / "one-api"
    shutil.copy(site.settings["artifact"], made)
    with made.open("ab") as stream:
        stream.write(b"\n# another release\n")
    site.inventory(artifact=str(made))


def ended(site: LabSite) -> bool:
    return not site.host.ssh(f"ls {paths.UPGRADE}", check=False)


def test_an_upgrade_cuts_nothing(site: LabSite, gateway: Gateway, tmp_path: Path) -> None:
    add_payment(site, gateway)
    token = prepare(site, MODEL)
    site.converge()
    before, orders = credited(site), list[str]()
    old = site.host.ssh(RELEASE)

    def pay() -> None:
        order = create_order(site, gateway)
        orders.append(order["out_trade_no"])
        assert site.notified(gateway, order["notify_url"], order).is_accepted

    def ask() -> None:
        assert site.outside.get("/api/status").status == 200

    other_release(site, tmp_path)
    with ThreadPoolExecutor(10) as pool:
        loads = [Load(pay, 0.5), *(Load(ask, 0.05) for _n in range(2))]
        streams = [pool.submit(stream, site, token, MODEL) for _number in range(10)]
        time.sleep(2)
        done = site.deploy("-y", "--json")
        assert done.code == 0, done.stderr
        assert not ended(site), "the streams of before are awaited"
        assert site.host.ssh(PAY.format(port=3000)) == "refused\n"
        assert site.host.ssh(PAY.format(port=3001)) == "taken\n"
        again = site.deploy("-y", "--json")
        assert (again.code, again.changed) == (0, [])
        counted = [each.result() for each in streams]
        wait_until(lambda: ended(site), 60, "the upgrade's end")
        for load in loads:
            load.end()
    assert counted == [EVENTS] * 10
    assert [load.failures for load in loads] == [[], [], []]
    paid = site.rows("SELECT trade_no FROM orders WHERE status = 'success'")
    assert sorted(paid) == sorted([[each] for each in orders])
    assert credited(site) - before == len(orders) * 5_000_000
    assert site.host.ssh(RELEASE) != old
    is_as_always(site)


# The callback service credits by itself until three seconds after the switch has begun.
CREDITS = f"""systemctl stop {units.CALLBACKS_TIMER}
systemctl start {units.CALLBACKS}; systemd-run --quiet --collect flock -s \
/var/lib/one-api-callbacks sh -c 'until grep -q handing {paths.UPGRADE}; do sleep 0.05; done
sleep 3'"""


@pytest.mark.long
def test_a_credit_of_the_callback_service_is_waited_for(site: LabSite, tmp_path: Path) -> None:
    other_release(site, tmp_path)
    site.host.ssh(CREDITS)
    site.converge()
    wait_until(lambda: ended(site), 60, "the upgrade's end")
    said = site.host.ssh(f"journalctl -o cat -u {units.UPGRADE} | grep '^handing: '")
    assert float(said.split()[1]) > 3
    site.host.ssh(f"systemctl start {units.CALLBACKS_TIMER}")
    is_as_always(site)


def is_as_always(site: LabSite) -> None:
    assert site.host.ssh(f"systemctl is-active {units.SECOND} || true") == "inactive\n"
    assert site.deploy("-y", "--json").changed == []
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout[-3000:]


@pytest.mark.long
def test_a_bad_release_gets_no_request(site: LabSite, tmp_path: Path) -> None:
    old = site.host.ssh(f"touch -d yesterday {paths.PASSWORD_CONFIRMED}; {RELEASE}").strip()
    made, good = tmp_path / "bad", site.settings["artifact"]
    site.inventory(artifact=str(made))

    def ask() -> None:
        assert site.outside.get("/api/status").status == 200

    load = Load(ask, 0.05)
    for kind, (program, words) in BAD.items():
        made.write_text(program)
        done = site.deploy("-y")
        assert done.code == 1, kind
        assert words in done.stderr, (kind, done.stderr[-2000:])
        assert f"{Path(old).name} serves on" in done.stderr, kind
        assert site.host.ssh(RELEASE).strip() == old
        assert ended(site)
    load.end()
    assert load.failures == []
    site.inventory(artifact=good)
    assert site.deploy("-y", "--json").changed == []


@pytest.mark.long
def test_a_release_that_eats_memory_is_not_let_serve(site: LabSite, tmp_path: Path) -> None:
    old = site.host.ssh(f"touch -d yesterday {paths.PASSWORD_CONFIRMED}; {RELEASE}").strip()
    made, good = tmp_path / "eats", site.settings["artifact"]
    made.write_text(EATS_MEMORY)
    site.inventory(artifact=str(made))
    cgroup.limit(site.host.machine, 800_000_000)

    def ask() -> None:
        assert site.outside.get("/api/status").status == 200

    load = Load(ask, 0.05)
    done = site.deploy("-y")
    load.end()
    assert (done.code, load.failures) == (1, []), done.stderr
    assert f"{Path(old).name} serves on" in done.stderr
    assert "9/KILL" in done.stderr
    assert site.host.ssh(RELEASE).strip() == old
    site.inventory(artifact=good)
    assert site.deploy("-y", "--json").changed == []


@pytest.mark.long
def test_killed_at_any_step_it_is_ended_by_the_next_start(
    site: LabSite, gateway: Gateway, tmp_path: Path
) -> None:
    add_payment(site, gateway)
    site.converge()
    for point in range(8):
        other_release(site, tmp_path / str(point))
        run = threading.Thread(target=site.deploy, args=("-y",))
        run.start()
        wait_until(lambda: not ended(site), 60, "the upgrade's begin")
        time.sleep(point * 0.8)
        site.host.ssh(f"systemctl kill --signal=KILL {units.UPGRADE}", check=False)
        run.join()
        wait_until(lambda: ended(site), 120, "the upgrade's end")
        site.converge()
        wait_until(lambda: ended(site), 120, "the upgrade's end")
        assert site.answers()
        assert site.host.ssh(f"systemctl is-active {units.SECOND} || true") == "inactive\n"
        order = create_order(site, gateway)
        assert site.notified(gateway, order["notify_url"], order).is_accepted
    assert site.deploy("-y", "--json").changed == []


@pytest.mark.long
def test_killed_on_its_way_back_it_is_ended_by_the_next_start(
    site: LabSite, tmp_path: Path
) -> None:
    for point in range(7):
        other_release(site, tmp_path / str(point))
        old = site.host.ssh(RELEASE)
        site.converge()
        new = site.host.ssh(RELEASE)
        run = threading.Thread(target=commanded, args=(site, "rollback"))
        run.start()
        time.sleep(1 + point * 0.8)
        site.host.ssh(KILL_BACK, check=False)
        run.join()
        wait_until(lambda: ended(site), 120, "the upgrade's end")
        if site.host.ssh(RELEASE) == new:
            rolled_back(site)
            wait_until(lambda: ended(site), 120, "the upgrade's end")
        assert site.host.ssh(RELEASE) == old
        assert site.answers()
        assert site.host.ssh(f"systemctl is-active {units.SECOND} || true") == "inactive\n"


def rolled_back(site: LabSite) -> str:
    """What the command says; it must succeed."""
    done = commanded(site, "rollback")
    assert done.returncode == 0, done.stderr
    return done.stderr + done.stdout


def commanded(site: LabSite, *words: str) -> "subprocess.CompletedProcess[str]":
    """What a command says, and its end."""
    site.inventory()
    return subprocess.run(
        [COMMAND[0], *words, "--yes"], cwd=ROOT, env=site.environment(), check=False,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.long
def test_back_with_the_same_schema_nothing_is_lost(site: LabSite, tmp_path: Path) -> None:
    old = site.host.ssh(RELEASE)
    other_release(site, tmp_path)
    site.converge()
    assert site.host.ssh(RELEASE) != old
    ledgers.write(site, "INSERT INTO users (username, quota) VALUES ('since', 5)")

    def ask() -> None:
        assert site.outside.get("/api/status").status == 200

    load = Load(ask, 0.05)
    rolled_back(site)
    assert site.host.ssh(RELEASE) == old
    wait_until(lambda: ended(site), 60, "the upgrade's end")
    load.end()
    assert load.failures == []
    assert ["since"] in site.rows("SELECT username FROM users")


@pytest.mark.long
def test_back_from_another_schema_the_copy_of_before_comes_back(
    site: LabSite, gateway: Gateway, tmp_path: Path
) -> None:
    """With it what was paid since: credited again where the order is there, else a case."""
    add_payment(site, gateway)
    orders = [create_order(site, gateway)]
    quota, old = credited(site), site.host.ssh(RELEASE)
    ledgers.write(site, "INSERT INTO users (username, quota) VALUES ('before', 5)")
    other_release(site, tmp_path)
    site.converge()
    ledgers.write(site, "ALTER TABLE users ADD COLUMN later text")
    ledgers.write(site, "INSERT INTO users (username, quota) VALUES ('since', 5)")
    orders.append(create_order(site, gateway))
    for order in orders:
        assert site.notified(gateway, order["notify_url"], order).is_accepted
    ledgers.run(site)
    assert credited(site) == quota + 2 * 5_000_000
    said = rolled_back(site)
    assert "users: 3 -> 2" in said, said
    names = site.rows("SELECT username FROM users")
    assert ["before"] in names
    assert ["since"] not in names
    assert site.host.ssh(RELEASE) == old
    assert site.answers()
    wait_until(lambda: credited(site) == quota + 5_000_000, 120, "the first one's credit")
    query = "SELECT number, class FROM cases WHERE closed IS NULL"
    case = [orders[1]["out_trade_no"], "paid_closed"]
    wait_until(lambda: case in ledgers.rows(site, query), 240, "the second one's case")
    assert credited(site) == quota + 5_000_000


@pytest.mark.long
def test_back_while_the_old_release_still_ends_its_streams(site: LabSite, tmp_path: Path) -> None:
    token = prepare(site, MODEL, LONG_MODEL)
    old = site.host.ssh(RELEASE)
    other_release(site, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        before = [pool.submit(stream, site, token, LONG_MODEL) for _number in range(2)]
        time.sleep(1)
        site.converge()
        assert not ended(site)
        since = [pool.submit(stream, site, token, MODEL) for _number in range(2)]
        time.sleep(1)
        rolled_back(site)
        assert site.host.ssh(RELEASE) == old
        assert [each.result() for each in (*before, *since)] == [LONG, LONG, EVENTS, EVENTS]
    wait_until(lambda: ended(site), 60, "the upgrade's end")
    assert site.host.ssh(f"systemctl is-active {units.SECOND} || true") == "inactive\n"
    assert site.answers()


@pytest.mark.long
@pytest.mark.parametrize("streams", [0, 1])
def test_a_release_that_turns_out_worse_is_taken_back(
    site: LabSite, tmp_path: Path, streams: int
) -> None:
    token = prepare(site, LONG_MODEL)
    old = site.host.ssh(RELEASE)
    worse = tmp_path / "worse"
    worse.mkdir()
    other_release(site, worse)
    fails_later(Path(site.settings["artifact"]))

    def ask() -> None:
        site.outside.get("/v1/models")

    with ThreadPoolExecutor(1) as pool:
        open_ = [pool.submit(stream, site, token, LONG_MODEL) for _number in range(streams)]
        load = Load(ask, 0.2)
        time.sleep(1)
        done = commanded(site, "upgrade", "--watch", "25")
        load.end()
        assert done.returncode == 1, done.stderr
        assert "is worse than the one before" in done.stdout + done.stderr
        assert "the release before serves" in done.stderr
        assert [each.result() for each in open_] == [LONG] * streams
    assert site.host.ssh(RELEASE) == old
    wait_until(lambda: ended(site), 60, "the upgrade's end")
    assert site.answers()


@pytest.mark.long
def test_a_version_is_fetched_from_a_mirror(
    site: LabSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(site.lab.ca.https_root))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    lock = ROOT / "inventory/artifacts.lock.json"
    kept = lock.read_text() if lock.exists() else None
    old, version = site.host.ssh(RELEASE), site.site.version
    program = Path(site.settings.pop("artifact")).read_bytes()
    site.host.ssh(f"touch -d yesterday {paths.PASSWORD_CONFIRMED}")
    programs = {version: program, "v0.99.1": program + b"\n# newer\n"}
    try:
        with mirrored(site.lab, programs) as url:
            site.settings["artifact_mirror"] = url
            assert site.deploy("-y", "--json").changed == []
            done = commanded(site, "upgrade", "v0.99.2", "--watch", "0")
            assert (done.returncode, site.host.ssh(RELEASE)) == (1, old), done.stderr
            assert "404" in done.stderr
            done = commanded(site, "upgrade", "v0.99.1", "--watch", "5")
            assert done.returncode == 0, done.stderr
            assert site.host.ssh(RELEASE) != old
            # What comes under a name that is known must be what came before.
            programs["v0.99.1"] += b"# another\n"
            shutil.rmtree(tmp_path)
            done = commanded(site, "upgrade", "v0.99.1", "--watch", "0")
            assert done.returncode != 0
            assert "artifacts.lock.json" in done.stderr
    finally:
        lock.unlink() if kept is None else lock.write_text(kept)


@pytest.mark.long
def test_a_good_release_is_watched_and_stays(site: LabSite, tmp_path: Path) -> None:
    old = site.host.ssh(RELEASE)
    other_release(site, tmp_path)
    done = commanded(site, "upgrade", "--watch", "10")
    assert done.returncode == 0, done.stderr
    assert old.strip().rpartition("/")[2] in done.stderr
    assert site.host.ssh(RELEASE) != old
