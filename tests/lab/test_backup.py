"""The backup: what is in it, who can read it, what is told when it fails, and a way back."""

import json
import re
from collections.abc import Callable, Iterator

import pytest

from tests.lab import backups, databases, ledgers
from tests.lab.backups import FOLDER, PASSWORD, Elsewhere, back_up, restic
from tests.lab.channel import Channel, runs, watched
from tests.lab.sites import LabSite
from tests.lab.test_status import status

DATABASE = "/var/lib/one-api/one-api.db"


def states(site: LabSite) -> dict[str, str]:
    """The checks' states by id."""
    (verdicts,) = json.loads(status(site, "--json").stdout).values()
    return {each["id"]: each["state"] for each in verdicts}


def faults(site: LabSite) -> dict[str, str]:
    """The causes of what is not well."""
    (verdicts,) = json.loads(status(site, "--json").stdout).values()
    return {
        each["id"]: each["cause"] for each in verdicts if each["state"] in {"warning", "failed"}
    }


def test_all_is_there_and_nothing_of_it_in_the_open(backed: LabSite) -> None:
    listed = restic(backed.host, "ls latest --tag one-api-infra").splitlines()
    for path in (
        "/etc/one-api/secrets.env", "/etc/one-api/root-password", "/etc/one-api/access-token",
        "/etc/one-api-infra/site.json", "/var/lib/one-api-dump/database",
        "/var/lib/one-api-callbacks/ledger.copy.db", "/var/log/one-api-infra/callbacks.log",
        f"/etc/one-api-infra/letsencrypt/live/{backed.domain}/fullchain.pem",
    ):  # fmt: skip
        assert path in listed
    for path in (DATABASE, "/etc/one-api-infra/backup.json"):
        assert path not in listed
    restic(
        backed.host, "dump latest --tag one-api-infra /var/lib/one-api-dump/database >/root/copy.db"
    )
    (row,) = backed.rows("SELECT username FROM users", "/root/copy.db")
    assert row == ["root"]
    secret = backed.host.ssh("cut -d= -f2 /etc/one-api/secrets.env | head -n 1").strip()
    for word in (PASSWORD, secret):
        assert backed.host.ssh(f"grep -rl {word} {FOLDER} || true") == ""
        assert backed.host.ssh(f"journalctl --no-pager | grep -c {word} || true").strip() == "0"
    assert backed.host.ssh("stat -c '%a %U' /etc/one-api-infra/backup.json") == "600 root\n"


def test_second_run_changes_nothing(backed: LabSite) -> None:
    again = backed.deploy("-y", "--json")
    assert again.code == 0, again.stderr
    assert again.changed == []


def test_its_checks_are_well_and_a_drill_says_more(backed: LabSite) -> None:
    backed.host.ssh("systemctl start one-api-drill")
    assert backed.host.ssh("ls -A /var/lib/one-api-drill") == ""
    found = states(backed)
    for name in ("is_set", "repository", "is_fresh", "was_restored"):
        assert found[f"backup.{name}"] == "ok"
    verified = backed.verify("-k", "backup")
    assert verified.returncode == 0, verified.stdout


BREAKS = {
    "test_it_is_started_by_itself": "systemctl disable --now one-api-journal.path",
    "test_its_keys_are_roots_alone": "chmod 644 /etc/one-api-infra/backup.json",
    "test_restic_reads_the_repository": f"chmod 755 {FOLDER}",
}


def test_verification_sees_what_is_broken(backed: LabSite) -> None:
    for command in BREAKS.values():
        backed.host.ssh(command)
    verified = backed.verify("-k", "test_backup")
    red = set(re.findall(r"^FAILED \S+?::(\w+)", verified.stdout, re.M))
    assert red == set(BREAKS), verified.stdout


def test_units_have_few_rights(backed: LabSite) -> None:
    for unit in ("dump", "backup", "drill"):
        told = backed.host.ssh(f"systemd-analyze security one-api-{unit}.service | tail -n 1")
        assert float(told.split("Overall exposure level for")[1].split(":")[1].split()[0]) <= 2.5


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (f"mv {FOLDER} /srv/away && mkdir -m 500 {FOLDER}", "held backups, and there is"),
        (f"rm -rf {FOLDER} && RESTIC_PASSWORD=x restic init -q -r {FOLDER}", "another"),
        ("mv /var/lib/one-api/one-api.db /root/", "could not be copied"),
    ],
    ids=["gone", "password", "dump"],
)
def test_a_failure_is_named(backed: LabSite, broken: str, words: str) -> None:
    backups.back_up(backed)  # one that the timer has begun would be waited for, and no other made
    backed.host.ssh(broken)
    backed.host.ssh("systemctl start one-api-backup", check=False)
    assert words in faults(backed)["backup.repository"]


def test_damage_is_named_by_the_drill(backed: LabSite) -> None:
    damage = "find {} -type f -size +1k | xargs -n 1 sh -c 'printf XXXX | dd of=$0 bs=1 seek=99"
    backed.host.ssh(f"{damage.format(f'{FOLDER}/data')} conv=notrunc status=none'")
    backed.host.ssh("systemctl start one-api-drill", check=False)
    assert "damaged" in faults(backed)["backup.was_restored"]


def test_restored_to_what_it_was(backed: LabSite) -> None:
    before = backed.rows("SELECT id, username, quota FROM users")
    ledgers.write(backed, "UPDATE users SET quota = 77")
    ledgers.write(backed, "INSERT INTO users (username, quota) VALUES ('later', 5)")
    ledgers.write(backed, "DELETE FROM tokens")
    highest = backed.rows("SELECT max(id) FROM users")[0][0]
    token = backed.token
    done = backed.deploy("-y", name="restore")
    assert done.code == 0, done.stderr
    told = backed.host.ssh("cat /var/lib/one-api-infra/restored.txt")
    assert "Valid again, and to be revoked once more if that was meant: tokens" in told
    assert backed.rows("SELECT id, username, quota FROM users") == before
    assert backed.answers()
    assert backed.token == token
    assert backed.api().options()
    ledgers.write(backed, "INSERT INTO users (username, quota) VALUES ('next', 5)")
    (new,) = backed.rows("SELECT id FROM users WHERE username = 'next'")[0]
    assert new > highest + 1000
    aside = backed.host.ssh("ls -d /var/lib/one-api-infra/before-restore/*").strip()
    assert backed.rows("SELECT quota FROM users WHERE username = 'later'", f"{aside}/one-api.db")
    again = backed.deploy("-y", "--json")
    assert again.changed == []


TABLES = (
    "CREATE TABLE users (id {serial} PRIMARY KEY, username VARCHAR(50), quota BIGINT)",
    "CREATE TABLE tokens (id {serial} PRIMARY KEY, user_id BIGINT)",
    "INSERT INTO users (username, quota) VALUES ('root', 100), ('it''s; -- x', -7)",
    "INSERT INTO tokens (user_id) VALUES (1), (2), (2)",
)
SERIAL = {"postgresql": "BIGSERIAL", "mariadb": "BIGINT AUTO_INCREMENT"}
ROWS = "SELECT users.id, username, quota, tokens.id FROM users JOIN tokens ON user_id = users.id"


@pytest.mark.long
@pytest.mark.parametrize("kind", list(SERIAL))
def test_a_database_server_is_dumped_and_loaded(
    packaged: Callable[[str], LabSite], kind: str
) -> None:
    """The stand-in knows SQLite alone: the tables are made here, as One API's user."""
    site = packaged("debian-13")
    site.use(databases.KINDS[kind](site.host))
    site.inventory(**backups.settings(FOLDER))
    site.converge()
    assert site.store
    role = "SET ROLE oneapi; " if kind == "postgresql" else ""
    for statement in TABLES:
        site.store.write(role + statement.format(serial=SERIAL[kind]))
    before = site.rows(f"{ROWS} ORDER BY tokens.id")
    back_up(site)
    site.host.ssh("systemctl start one-api-drill")
    assert states(site)["backup.was_restored"] == "ok"
    site.store.write("DELETE FROM tokens; UPDATE users SET quota = 1")
    done = site.deploy("-y", name="restore")
    assert site.rows(f"{ROWS} ORDER BY tokens.id") == before, done.stderr[-2000:]
    site.store.write("INSERT INTO tokens (user_id) VALUES (9)")
    assert site.rows("SELECT max(id) FROM tokens")[0][0] > 1000


def test_without_a_repository_it_goes_and_the_repository_stays(backed: LabSite) -> None:
    backed.inventory(backup=[], waive=["backup.is_set"])
    backed.converge()
    assert backed.host.ssh("ls /etc/systemd/system | grep -E 'backup|drill|dump' || true") == ""
    assert json.loads(restic(backed.host, "snapshots --json"))
    again = backed.deploy("-y", "--json")
    assert again.changed == []


@pytest.fixture
def channel(site: LabSite) -> Iterator[Channel]:
    made = Channel(site.lab.network.service("gateway"), 8092)
    yield made
    made.stop()


@pytest.mark.long
def test_a_repository_that_is_away_is_told_once_and_caught_up_with(
    site: LabSite, elsewhere: Elsewhere, channel: Channel
) -> None:
    elsewhere.keep(site, streamed=False)
    watched(site, channel)
    runs(site, 2)
    assert channel.alerts == []
    rule = f"ip daddr {elsewhere.host.address} tcp dport 22 reject with tcp reset"
    chain = f"chain out {{ type filter hook output priority 0; {rule}; }}"
    site.host.ssh("nft -f -", stdin=f"table inet away {{ {chain}; }}\n")
    for _hour in range(3):
        site.host.ssh("systemctl start one-api-backup", check=False)
        runs(site, 3)
    (alert,) = channel.alerts
    assert "backup.repository" in alert["message"]
    site.host.ssh("nft delete table inet away")
    back_up(site)
    runs(site, 4)
    assert len(channel.alerts) == 2
    assert faults(site) == {}
