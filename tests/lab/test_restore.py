"""A restore that is cut off, that has no room, and backups that meet: nothing is lost, no half."""

import time

import pytest

from one_api_infra.lab.gateway import Gateway
from one_api_infra.shared import paths
from tests.lab import backups, ledgers
from tests.lab.backups import back_up
from tests.lab.payments import add_payment, create_order
from tests.lab.sites import LabSite
from tests.lab.test_backup import faults

RESTORE = paths.agent("restore latest")
USERS = "SELECT id, username, quota FROM users ORDER BY id"
POINTS = 10


@pytest.mark.long
def test_killed_at_ten_points_it_is_ended_by_the_next(backed: LabSite) -> None:
    ledgers.write(backed, "INSERT INTO users (username, quota) VALUES ('saved', 5)")
    back_up(backed)
    before = backed.rows(USERS)
    began = time.monotonic()
    backed.host.ssh(RESTORE)
    seconds = time.monotonic() - began
    for point in range(POINTS):
        ledgers.write(backed, "UPDATE users SET quota = quota + 1000")
        backed.host.ssh(f"timeout -s KILL {seconds * (point + 0.5) / POINTS:.2f} {RESTORE} || true")
        is_begun = backed.host.ssh(f"test -e {paths.RESTORE_MARK} && echo yes || true")
        assert is_begun or backed.answers()  # what served before serves until the swap
        backed.host.ssh(RESTORE)
        assert backed.rows(USERS) == before
        assert backed.answers()
    again = backed.deploy("-y", "--json")
    assert again.code == 0, again.stderr
    assert again.changed == []


def test_without_room_nothing_is_stopped(backed: LabSite) -> None:
    before = backed.rows(USERS)
    full = "mount -t tmpfs -o size=1m,mode=1777 tmpfs"
    backed.host.ssh(f"mkdir -p {paths.DUMP} && {full} {paths.DUMP}")
    backed.host.ssh("systemctl start one-api-backup", check=False)
    assert "could not be copied" in faults(backed)["backup.repository"]
    backed.host.ssh(f"umount {paths.DUMP}")
    back_up(backed)
    parent = paths.RESTORE.rpartition("/")[0]
    size = "$(($(du -sk /root/state | cut -f1) + 64))k"
    backed.host.ssh(f"cp -a {parent} /root/state && mount -t tmpfs -o size={size} tmpfs {parent}")
    backed.host.ssh(f"cp -a /root/state/. {parent}")
    told = backed.host.ssh(f"{RESTORE} 2>&1 || true")
    assert "not restored" in told, told
    assert backed.answers()
    backed.host.ssh(f"umount {parent}")
    assert backed.rows(USERS) == before


def test_a_services_links_lead_root_nowhere(backed: LabSite) -> None:
    """What the callback service's user has planted waits for the restore, and gets nothing."""
    back_up(backed)
    victim = "/etc/victim.d"
    backed.host.ssh(f"mkdir {victim}")
    plant = (
        f"mkdir -p {paths.JOURNAL}; ln -sf /etc/shadow {paths.JOURNAL}/secret.jsonl;"
        f" rm -rf {paths.JOURNAL_RESTORED}; ln -s {victim} {paths.JOURNAL_RESTORED}"
    )
    state = f"stat -c '%U:%G %a' {victim}; ls -A {victim}"
    before = backed.host.ssh(state)
    backed.host.ssh(f"runuser -u one-api-callbacks -- sh -c '{plant}'")
    backed.host.ssh("systemctl stop one-api-callbacks.timer")
    backed.host.ssh(RESTORE)
    assert backed.host.ssh(state) == before
    assert backed.host.ssh(f"grep -rl '^root:' {paths.CALLBACKS} || true") == ""
    assert backed.answers()
    backed.host.ssh(f"rm -f {paths.JOURNAL}/secret.jsonl")


def test_two_backups_and_a_journal_at_once(backed: LabSite) -> None:
    runs = " & ".join([paths.agent("backup"), paths.agent("journal"), paths.agent("backup")])
    backed.host.ssh(
        f"mkdir -p {paths.JOURNAL}; ({runs}; wait) >/root/told 2>&1; cat /root/told >&2"
    )
    assert "Traceback" not in backed.host.ssh("cat /root/told")
    back_up(backed)
    backups.restic(backed.host, "check")
    assert "backup.repository" not in faults(backed)


def keys(site: LabSite, *names: str) -> list[str]:
    """Keys of root's by these names, as they are sold."""
    token = {"expired_time": -1, "remain_quota": 0, "unlimited_quota": True, "group": ""}
    for name in names:
        assert site.api().request("POST", "/api/token/", token | {"name": name})["success"]
    listed = site.api().request("GET", "/api/token/?page=1&size=100")["data"]
    rows = listed["data"] if isinstance(listed, dict) else listed
    found = {row["name"]: str(row["key"]) for row in rows}
    return [found[name] for name in names]


def opens(site: LabSite, key: str) -> bool:
    """Whether a key is let in."""
    headers = {"Authorization": f"Bearer sk-{key}"}
    return site.outside.request("GET", "https", "/v1/models", headers).status == 200


def test_no_key_and_no_order_number_is_given_twice(backed: LabSite, gateway: Gateway) -> None:
    """A key of the real One Hub is made of ids: one sold after the snapshot opens nothing more."""
    add_payment(backed, gateway)
    back_up(backed)
    sold = keys(backed, *(f"later{n}" for n in range(10)))
    numbers = [create_order(backed, gateway)["out_trade_no"] for _n in range(5)]
    assert all(opens(backed, key) for key in sold)
    done = backed.deploy("-y", name="restore")
    assert done.code == 0, done.stderr
    new = keys(backed, *(f"again{n}" for n in range(10)))
    again = [create_order(backed, gateway)["out_trade_no"] for _n in range(5)]
    assert [opens(backed, key) for key in (*sold, *new)] == [False] * 10 + [True] * 10
    assert not set(sold) & set(new)
    assert not set(numbers) & set(again)


def foreign_snapshot(site: LabSite, host: str, edit: str = "true", when: str = "now") -> str:
    """The id of a snapshot in the site's repository that the site has not made."""
    script = f"""
        cp -a {paths.DUMP} /root/dump && cd {paths.DUMP} && {edit}
        export RESTIC_PASSWORD={backups.PASSWORD}
        restic -q --no-cache -r {backups.FOLDER} backup --json --host {host} --tag one-api-infra \
            --time "$(date -d '{when}' '+%F %T')" {paths.DUMP} | grep -o '"snapshot_id":"[0-9a-f]*'
        rm -r {paths.DUMP} && mv /root/dump {paths.DUMP}
    """
    return site.host.ssh(f"set -e; {script}").rpartition('"')[2].strip()[:8]


@pytest.mark.long
def test_what_is_not_this_sites_is_refused(backed: LabSite) -> None:
    ledgers.write(backed, "INSERT INTO users (username, quota) VALUES ('here', 5)")
    back_up(backed)
    before = backed.rows(USERS)
    other = f"sed -i s/{backed.domain}/other.lab.test/g facts.json"
    newer = r"""sed -i 's/"version": *"[^"]*"/"version": "v99.0.0"/' facts.json"""
    for host, edit, words in (
        ("other.lab.test", "true", "No repository holds such a snapshot"),
        (backed.domain, other, "another site's"),
        (backed.domain, newer, "v99.0.0"),
        (backed.domain, "truncate -s 5 facts.json", "is not restored"),
    ):
        chosen = foreign_snapshot(backed, host, edit)
        for command in ("restore-plan", "restore"):
            told = backed.host.ssh(f"{paths.agent(f'{command} {chosen}')} 2>&1 || echo failed")
            assert words in told or "not say what it holds" in told, (command, told)
            assert "failed" in told
        backups.restic(backed.host, f"forget {chosen}")
    assert backed.answers()
    assert backed.rows(USERS) == before


def test_a_snapshot_of_a_wrong_clock_is_not_the_newest(backed: LabSite) -> None:
    ledgers.write(backed, "INSERT INTO users (username, quota) VALUES ('newest', 5)")
    back_up(backed)
    before = backed.rows(USERS)
    wrong = foreign_snapshot(backed, backed.domain, when="+1 day")
    ledgers.write(backed, "UPDATE users SET quota = quota + 1000")
    told = backed.host.ssh(RESTORE)
    assert wrong in told
    assert backed.rows(USERS) == before
    assert backed.answers()
