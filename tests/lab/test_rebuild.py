"""A server is destroyed; a blank one becomes the site, from a repository on another host."""

import json

import pytest

from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.lab import Lab
from tests.lab import backups, ledgers, payments
from tests.lab.backups import Elsewhere
from tests.lab.kills import kill_at
from tests.lab.sites import LabSite

BACK = "Bring the site back from its backup"
# The operation at which a rebuild is cut off, and how long after it has begun.
POINTS = (
    *((2, 0.0), (9, 0.1), (15, 5.0), (22, 0.3)),
    *((BACK, 0.2), (BACK, 1.0), (BACK, 2.0), (BACK, 4.0)),
    *(("Let One API run from this release", 0.3), ("Let nginx serve", 0.5)),
)
PYTHON = "PYTHONPATH=/opt/one-api-infra/one-api-infra.pyz /opt/one-api-infra/venv/bin/python"


def facts(site: LabSite) -> list[list[list[object]]]:
    """What must come back."""
    return [
        site.rows(f"SELECT {columns} FROM {table} ORDER BY id")
        for table, columns in (
            ("users", "id, username, quota"), ("tokens", "id, user_id"),
            ("orders", "id, trade_no, status"), ("payments", "id, uuid, notify_domain"),
        )
    ]  # fmt: skip


@pytest.mark.long
def test_the_site_comes_back_as_it_was(
    lab: Lab, site: LabSite, gateway: Gateway, elsewhere: Elsewhere
) -> None:
    orders = [payments.create_order(site, gateway) for _number in range(3)]
    site.notified(gateway, orders[0]["notify_url"], orders[0])
    ledgers.run(site)
    elsewhere.keep(site)
    before, token, certificate = facts(site), site.token, site.outside.certificate()
    new = backups.destroyed(lab, site, "rebuilt")
    try:
        done = new.deploy("-y", name="rebuild")
        assert done.code == 0, done.stderr
        assert facts(new) == before
        assert new.token == token
        assert new.outside.certificate() == certificate
        assert new.answers()
        again = new.deploy("-y", "--json")
        assert again.code == 0, again.stderr
        assert again.changed == []
        new.notified(gateway, orders[1]["notify_url"], orders[1])
        assert ledgers.status(new, orders[1]["out_trade_no"]) == "success"
        verified = new.verify()
        assert verified.returncode == 0, verified.stdout[-3000:]
    finally:
        new.host.remove()


@pytest.mark.long
def test_cut_off_at_ten_points_it_is_ended_by_the_next(
    lab: Lab, site: LabSite, gateway: Gateway, elsewhere: Elsewhere
) -> None:
    payments.create_order(site, gateway)
    elsewhere.keep(site)
    before, token, certificate = facts(site), site.token, site.outside.certificate()
    new = backups.destroyed(lab, site, "rebuilt")
    try:
        new.inventory()
        for point, delay in POINTS:
            kill_at(new, point, delay, name="rebuild")
            new.host.ssh("pkill -KILL -f '[o]ne-api-infra.pyz' || true")
        done = new.deploy("-y", name="rebuild")
        assert done.code == 0, done.stderr
        assert (facts(new), new.token, new.outside.certificate()) == (before, token, certificate)
        again = new.deploy("-y", "--json")
        assert (again.code, again.changed) == (0, []), again.stderr
    finally:
        new.host.remove()


@pytest.mark.long
def test_payments_since_the_backup_are_credited_or_cases(
    lab: Lab, site: LabSite, gateway: Gateway, elsewhere: Elsewhere
) -> None:
    known = payments.create_order(site, gateway)
    ledgers.run(site)
    elsewhere.keep(site, streamed=False)  # the stream would have the lost order within a second
    lost = payments.create_order(site, gateway)
    for order in (known, lost):
        site.notified(gateway, order["notify_url"], order)
    credited = ledgers.credited(site)
    ledgers.run(site)
    site.host.ssh("systemctl start one-api-journal")
    new = backups.destroyed(lab, site, "rebuilt")
    try:
        done = new.deploy("-y", name="rebuild")
        assert done.code == 0, done.stderr
        for _run in range(3):
            ledgers.run(new)
        assert ledgers.status(new, known["out_trade_no"]) == "success"
        assert new.rows(f"SELECT 1 FROM orders WHERE trade_no = '{lost['out_trade_no']}'") == []
        ledgers.pass_time(new, 3600)
        ledgers.run(new)
        assert lost["out_trade_no"] in ledgers.cases(new)
        assert ledgers.credited(new) < credited
    finally:
        new.host.remove()


@pytest.mark.long
def test_an_attacker_deletes_nothing_old(site: LabSite, elsewhere: Elsewhere) -> None:
    elsewhere.keep(site, forced=True)
    before = elsewhere.files()
    backups.back_up(site)
    for words in ("'forget', '--group-by=host', '--keep-last=1', '--prune'", "'prune'"):
        script = (
            "from one_api_infra.server import restic;"
            f"next(restic.each(restic.settings())).run({words})"
        )
        done = site.host.ssh(f'{PYTHON} -c "{script}" 2>&1', check=False)
        assert "403" in done or "Forbidden" in done, done
    assert before <= elsewhere.files()
    assert (
        len(json.loads(backups.restic(elsewhere.host, "snapshots --json --tag one-api-infra"))) == 2
    )
