"""Looking into the agent's ledger on a host, and letting the agent run."""

import json
from typing import Any

from tests.lab import payments
from tests.lab.sites import DATABASE, LabSite

LEDGER = "/var/lib/one-api-callbacks/ledger.db"


def run(site: LabSite) -> None:
    """One run of the agent now; the timer's own are as far away as they are."""
    journal = "journalctl -u one-api-callbacks -n 30 --no-pager -o cat"
    site.host.ssh(f"systemctl start one-api-callbacks.service || {{ {journal} >&2; exit 1; }}")


def rows(site: LabSite, query: str) -> list[list[Any]]:
    """Rows of the ledger, read from its file; none before the agent's first run."""
    if site.host.ssh(f"test -e {LEDGER}; echo $?").strip() != "0":
        return []
    return site.rows(query, LEDGER)


def age(site: LabSite, number: str, seconds: int) -> None:
    """Let an order be older than it is, in One API's database."""
    statement = f"UPDATE orders SET created_at = created_at - {seconds} WHERE trade_no = '{number}'"
    write(site, statement)


def pass_time(site: LabSite, seconds: float) -> None:
    """Let the agent's acts be older than they are."""
    write(site, f"UPDATE acts SET started = started - {seconds}", LEDGER)


def age_all(site: LabSite, seconds: int) -> None:
    """Let all that the ledger knows be older than it is, as if that time had passed."""
    columns = {
        "callbacks": ("at",), "orders": ("created", "since", "class_since", "done_at"),
        "credits": ("at",), "corrections": ("at",), "replies": ("at",), "questions": ("at",),
        "acts": ("started", "ended"), "cases": ("opened", "closed"),
    }  # fmt: skip
    for table, names in columns.items():
        changes = ", ".join(f"{name} = {name} - {seconds}" for name in names)
        write(site, f"UPDATE {table} SET {changes}", LEDGER)
    times = "'orders_read', 'orders_begin', 'ran', 'down', 'outage_ended', 'close'"
    older = f"CAST(CAST(value AS REAL) - {seconds} AS TEXT)"
    write(site, f"UPDATE notes SET value = {older} WHERE name IN ({times})", LEDGER)
    older = ", ".join(f"'$.{x}', json_extract(value, '$.{x}') - {seconds}" for x in ("since", "at"))
    silent = (
        f"(SELECT json_group_object(key, json_set(value, {older})) FROM json_each(notes.value))"
    )
    write(site, f"UPDATE notes SET value = {silent} WHERE name = 'silent'", LEDGER)


def write(site: LabSite, statement: str, database: str = DATABASE) -> None:
    """Change a database, One API's if no other is named, behind its owner's back."""
    if site.store and database == DATABASE:
        site.store.write(statement)
        return
    script = (
        "import sqlite3, sys;"
        f"db = sqlite3.connect('{database}', timeout=20);"
        "db.execute(sys.stdin.read()); db.commit()"
    )
    site.host.ssh(f'python3 -c "{script}"', stdin=statement)


def hold(site: LabSite, seconds: float, database: str = DATABASE) -> None:
    """Let nobody write to it for so long, from now on."""
    script = (
        "import pathlib, sqlite3, time\n"
        f"db = sqlite3.connect('{database}', 9, isolation_level=None)\n"
        "db.execute('BEGIN IMMEDIATE')\n"
        f"pathlib.Path('/run/held').touch()\ntime.sleep({seconds})\n"
    )
    site.host.ssh(
        "rm -f /run/held; cat >/run/hold.py; systemd-run --quiet --collect python3 /run/hold.py;"
        " while [ ! -e /run/held ]; do sleep 0.05; done",
        stdin=script,
    )


def status(site: LabSite, number: str) -> str:
    """An order's state in One API's database."""
    found = site.rows(f"SELECT status FROM orders WHERE trade_no = '{number}'")
    return str(found[0][0])


def cases(site: LabSite) -> dict[str, str]:
    """Open cases: number to class."""
    return dict(map(tuple, rows(site, "SELECT number, class FROM cases WHERE closed IS NULL")))


def acts(site: LabSite, number: str) -> list[tuple[str, str]]:
    """What was sent to One API for an order."""
    query = f"SELECT kind, result FROM acts WHERE number = '{number}' ORDER BY id"
    return [(kind, result) for kind, result in rows(site, query)]


def log(site: LabSite) -> list[dict[str, Any]]:
    """The callback log, its lines that name an order or hold a body."""
    text = site.host.ssh("cat /var/log/one-api-infra/callbacks.log")
    return [json.loads(line) for line in text.splitlines()]


def credited(site: LabSite) -> int:
    """Root's quota."""
    return payments.credited(site)
