"""A site is destroyed and rebuilt: ``python -m benchmarks.rebuild`` (root; some minutes).

Users, orders and rows of the log are made; the site is backed up by ssh to another host, and its
plug is pulled. A blank host becomes the site by the one command; then everything is compared, a
customer's old key is tried, an old session too, and the CA is asked for how many new orders it had.
``ONE_API_BINARY`` names a real One Hub; else it is the stand-in, and that is said.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import requests

from one_api_infra.lab.lab import Lab
from tests.lab import backups, ledgers
from tests.lab.conftest import new_site
from tests.lab.sites import LabSite

DATABASE = "/var/lib/one-api/one-api.db"
# What a row has, as SQL of its number; a column that the table does not have is left out.
ROWS = {
    "users": {
        "username": "'u' || n", "password": "'x'", "role": "1", "status": "1", "quota": "n * 1000",
        "access_token": "printf('%032d', n)", "aff_code": "'a' || n", "display_name": "'u' || n",
    },
    "orders": {
        "user_id": "2 + n % 100", "gateway_id": "1", "trade_no": "'T' || n", "amount": "10",
        "order_amount": "73.0", "order_currency": "'CNY'", "quota": "5000000",
        "status": "'success'", "created_at": "unixepoch() - 86400 - n",
    },
    "logs": {
        "user_id": "2 + n % 100", "created_at": "unixepoch() - n", "type": "2",
        "content": "'a call of a model, number ' || n", "username": "'u' || (n % 100)",
        "quota": "17",
    },
}  # fmt: skip
FILL = """
import json, sqlite3, sys
path, rows, counts = json.loads(sys.stdin.read())
db = sqlite3.connect(path, timeout=60)
for table, columns in rows.items():
    there = {each[1] for each in db.execute(f"PRAGMA table_info({table})")}
    known = {name: value for name, value in columns.items() if name in there}
    numbers = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?)"
    names, values = ", ".join(known), ", ".join(known.values())
    db.execute(f"INSERT INTO {table} ({names}) {numbers} SELECT {values} FROM c", [counts[table]])
db.commit()
"""
SUMS = (
    "SELECT (SELECT count(*) FROM users), (SELECT sum(quota) FROM users),"
    " (SELECT count(*) FROM orders), (SELECT count(*) FROM logs), (SELECT sum(quota) FROM logs)"
)


def fill(site: LabSite, counts: dict[str, int]) -> None:
    """Make the rows, behind One API's back."""
    site.host.ssh("cat >/root/fill.py", stdin=FILL)
    site.host.ssh("python3 /root/fill.py", stdin=json.dumps([DATABASE, ROWS, counts]))


def timed(text: str, began: float) -> float:
    """Print how long something took."""
    seconds = time.monotonic() - began
    print(f"{text}: {seconds:.1f} s", flush=True)
    return seconds


def session(site: LabSite) -> requests.Session:
    """Somebody who has logged in as root, and holds no token."""
    made = site.session()
    password = site.host.ssh("cat /etc/one-api/root-password").strip()
    body = {"username": "root", "password": password}
    reply = made.post(f"https://{site.domain}/api/user/login", json=body, timeout=10).json()
    if not reply["success"]:
        raise SystemExit(reply["message"])
    return made


def is_logged_in(site: LabSite, before: requests.Session) -> bool:
    """Whether a session of before is one of the rebuilt site too."""
    made = site.session()
    made.cookies.update(before.cookies)
    reply = made.get(f"https://{site.domain}/api/user/self", timeout=10)
    return bool(reply.json().get("success"))


def opens(site: LabSite, key: str) -> bool:
    """Whether a customer's key is let in: it gets a list of models."""
    headers = {"Authorization": f"Bearer sk-{key}"}
    reply = site.session().get(f"https://{site.domain}/v1/models", headers=headers, timeout=10)
    return "data" in reply.json()


def measure(lab: Lab, folder: Path, counts: dict[str, int]) -> None:
    """Build, fill, back up, destroy, rebuild, compare."""
    print(f"One API: {os.environ.get('ONE_API_BINARY') or 'the stand-in, not a real one'}")
    site = new_site(lab, "shop", "debian-13", "shop.lab.test")
    keeper = backups.Elsewhere(lab.create("keeper", "debian-12"), backups.key(folder))
    site.converge()
    fill(site, counts)
    ledgers.run(site)
    began = time.monotonic()
    keeper.keep(site)
    timed("set-up of the backup, and the first one", began)
    key, logged_in = site.api().canary() or "", session(site)
    sums, size = site.rows(SUMS), site.host.ssh(f"stat -c %s {DATABASE}").strip()
    print(f"users, their quota, orders, rows of the log, their quota: {sums[0]}; {size} bytes")
    time.sleep(5)
    before = lab.ca.orders("production")
    began = time.monotonic()
    new = backups.destroyed(lab, site, "rebuilt")
    done = new.deploy("-y", name="rebuild")
    if done.code:
        raise SystemExit(done.stderr)
    timed("a blank host is the site", began)
    verified = new.verify()
    timed("and verified", began)
    print((verified.stdout or verified.stderr).strip().splitlines()[-1])
    print(f"sums are equal: {new.rows(SUMS) == sums}")
    print(f"a customer's old key opens: {opens(new, key)}")
    print(f"an old session is logged in: {is_logged_in(new, logged_in)}")
    print(f"new orders at the CA: {lab.ca.orders('production') - before}")


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("users", 200), ("orders", 1000), ("logs", 100_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    counts = vars(parser.parse_args())
    lab = Lab("rebuild")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        with tempfile.TemporaryDirectory() as folder:
            measure(lab, Path(folder), counts)
    finally:
        lab.down()


if __name__ == "__main__":
    main()
