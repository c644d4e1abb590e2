"""A site is destroyed and rebuilt: ``python -m benchmarks.rebuild`` (root; some minutes).

Users, orders and rows of the log are made; the site is backed up by ssh to another host, and its
plug is pulled. A blank host becomes the site by the one command; then everything is compared, a
customer's old key is tried, an old session too, and the CA is asked for how many new orders it had.
``ONE_API_BINARY`` names a real One Hub; else it is the stand-in, and that is said.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from one_api_infra.lab.lab import Lab
from tests.lab import backups, databases, ledgers, logins
from tests.lab.conftest import new_site
from tests.lab.sites import LabSite

# What a row has, as SQL of its number; a column that the table does not have is left out.
ROWS = {
    "users": {
        "username": "'u' || n", "password": "'x'", "role": "1", "status": "1", "quota": "n * 1000",
        "access_token": "'t' || n", "aff_code": "'a' || n", "display_name": "'u' || n",
    },
    "orders": {
        "user_id": "2 + n % 100", "gateway_id": "1", "trade_no": "'T' || n", "amount": "10",
        "order_amount": "73.0", "order_currency": "'CNY'", "quota": "5000000",
        "status": "'success'", "created_at": "{now} - 86400 - n",
    },
    "top_ups": {
        "user_id": "2 + n % 100", "amount": "10", "money": "73.0", "trade_no": "'T' || n",
        "status": "'success'", "create_time": "{now} - 86400 - n", "payment_method": "'alipay'",
    },
    "logs": {
        "user_id": "2 + n % 100", "created_at": "{now} - n", "type": "2",
        "content": "'a call of a model, number ' || n", "username": "'u' || (n % 100)",
        "quota": "17",
    },
}  # fmt: skip
NUMBERS = {
    "sqlite": "WITH RECURSIVE c(n) AS"
    " (SELECT {first} UNION ALL SELECT n + 1 FROM c WHERE n < {last}) SELECT {values} FROM c",
    "postgresql": "SELECT {values} FROM generate_series({first}, {last}) n",
}
COLUMNS = {
    "sqlite": "SELECT name FROM pragma_table_info('{table}')",
    "postgresql": "SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'",
}
BATCH = 200_000
RANDOM = "hex(randomblob({half}))"  # SQLite's; it can hardly be compressed
ORDERS = {"one-hub": "orders", "new-api": "top_ups"}
SUMS = (
    "SELECT (SELECT count(*) FROM users), (SELECT sum(quota) FROM users),"
    " (SELECT count(*) FROM {orders}), (SELECT count(*) FROM logs), (SELECT sum(quota) FROM logs)"
)


def fill(site: LabSite, counts: dict[str, int]) -> None:
    """Make the rows, behind One API's back."""
    kind, now = "postgresql" if site.store else "sqlite", int(time.time())
    for table, count in counts.items():
        there = {str(row[0]) for row in site.rows(COLUMNS[kind].format(table=table))}
        known = {name: value for name, value in ROWS[table].items() if name in there}
        values = ", ".join(known.values()).replace("{now}", str(now))
        for first in range(1, count + 1, BATCH):  # one of all would be a write-ahead log of all
            last = min(first + BATCH - 1, count)
            rows = NUMBERS[kind].format(first=first, last=last, values=values)
            ledgers.write(site, f"INSERT INTO {table} ({', '.join(known)}) {rows}")


def timed(text: str, began: float) -> float:
    """Print how long something took."""
    seconds = time.monotonic() - began
    print(f"{text}: {seconds:.1f} s", flush=True)
    return seconds


def sold(site: LabSite) -> str:
    """A customer's key."""
    token = {"name": "sold", "unlimited_quota": True, "expired_time": -1, "remain_quota": 0}
    reply = site.api().request("POST", "/api/token/", token)
    if not reply["success"]:
        raise SystemExit(reply["message"])
    if site.site.edition.signs_keys:  # what the database has is no key yet
        rows = site.api().request("GET", "/api/token/?page=1&size=100")["data"]["data"]
        return next(str(row["key"]) for row in rows if row["name"] == "sold")
    return str(site.rows("SELECT tokens.key FROM tokens WHERE name = 'sold'")[0][0]).strip()


def opens(site: LabSite, key: str) -> bool:
    """Whether a customer's key is let in: it gets a list of models."""
    headers = {"Authorization": f"Bearer sk-{key}"}
    reply = site.session().get(f"https://{site.domain}/v1/models", headers=headers, timeout=10)
    return "data" in reply.json()


def new(lab: Lab, options: argparse.Namespace) -> LabSite:
    """The site that will be lost."""
    site = new_site(lab, "shop", "debian-13", "shop.lab.test")
    site.settings["edition"] = options.edition
    if options.database != "sqlite":
        site.use(databases.KINDS[options.database](site.host))
    site.converge()
    if options.row_bytes:
        ROWS["logs"]["content"] = RANDOM.format(half=options.row_bytes // 2)
    counts = {"users": options.users, ORDERS[options.edition]: options.orders}
    fill(site, counts | {"logs": options.logs})
    return site


def lost(lab: Lab, site: LabSite, database: str) -> LabSite:
    """Its plug is pulled; a blank host, with an empty database where that was on a server."""
    host = backups.destroyed(lab, site, "rebuilt")
    if site.store:
        began = time.monotonic()
        host.use(databases.KINDS[database](host.host))
        timed("(an empty database server, the admin's own affair)", began)
    return host


def measure(lab: Lab, folder: Path, options: argparse.Namespace) -> None:
    """Build, fill, back up, destroy, rebuild, compare."""
    print(f"One API: {os.environ.get('ONE_API_BINARY') or 'the stand-in, not a real one'},"
          f" {options.edition}, {options.database}")  # fmt: skip
    keeper = backups.Elsewhere(lab.create("keeper", "debian-12"), backups.key(folder))
    site = new(lab, options)
    key, logged_in = (
        sold(site),
        logins.session(site),
    )  # before the backup: a server's dump is hourly
    ledgers.run(site)
    began = time.monotonic()
    keeper.keep(site)
    timed("set-up of the backup, and the first one", began)
    print(f"the key opens before: {opens(site, key)}")
    query = SUMS.format(orders=ORDERS[options.edition])
    sums = site.rows(query)
    print(f"users, their quota, orders, rows of the log, their quota: {sums[0]}")
    time.sleep(5)
    before = lab.ca.orders("production")
    rebuilt = lost(lab, site, options.database)
    began = time.monotonic()
    done = rebuilt.deploy("-y", name="rebuild")
    if done.code:
        raise SystemExit(done.stderr)
    timed("a blank host is the site", began)
    verified = rebuilt.verify()
    timed("and verified", began)
    words = (verified.stdout or verified.stderr).strip().splitlines()
    print("\n".join([*(line for line in words if line.startswith("FAILED")), words[-1]]))
    print(f"sums are equal: {rebuilt.rows(query) == sums}")
    print(f"a customer's old key opens: {opens(rebuilt, key)}")
    print(f"an old session is logged in: {logins.is_logged_in(rebuilt, logged_in)}")
    print(f"new orders at the CA: {lab.ca.orders('production') - before}")


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edition", default="one-hub", choices=ORDERS)
    parser.add_argument("--database", default="sqlite", choices=NUMBERS)
    for name, default in (("users", 200), ("orders", 1000), ("logs", 100_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--row-bytes", type=int, help="of each row of the log (SQLite)")
    options = parser.parse_args()
    lab = Lab(f"reb{options.edition[0]}{options.database[0]}")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        with tempfile.TemporaryDirectory() as folder:
            measure(lab, Path(folder), options)
    finally:
        lab.down()


if __name__ == "__main__":
    main()
