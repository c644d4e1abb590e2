"""Requests that the pool of connections lets fail: ``python -m benchmarks.connections``.

48 clients at once ask One API for what it has to look up in its database, once with the site's own
pool and once with One API's own default of 1,000. Root, a lab; ``ONE_API_BINARY`` names a real one.
"""

import argparse
import json
import os

from benchmarks.payments import SHOPS
from one_api_infra.lab.lab import Lab
from tests.lab import databases
from tests.lab.sites import LabSite

CLIENTS, SECONDS = 48, 15
# Each client has an address of its own, as far as One API's limits go.
ASK = """
import http.client, json, sys, threading, time
clients, seconds, user = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
token = open("/etc/one-api/access-token").read().strip()
counts, end = [0, 0], time.monotonic() + seconds

def client(number):
    while time.monotonic() < end:
        try:
            way = http.client.HTTPConnection("127.0.0.1", 3000, timeout=20)
            for at in range(50):
                address = f"10.{number}.{at}.{int(time.monotonic()) % 250}"
                headers = {"Authorization": token, "X-Real-IP": address}
                headers |= {user: "1"} if user else {}
                way.request("GET", "/api/user/self", headers=headers)
                answer = way.getresponse()
                found = json.loads(answer.read())
                counts[not found.get("success")] += 1
                if time.monotonic() > end:
                    return
        except Exception:
            counts[1] += 1

threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
[each.start() for each in threads]
[each.join() for each in threads]
print(json.dumps(counts))
"""


def failed(site: LabSite) -> tuple[int, int]:
    """Requests, and those of them that failed."""
    header = site.site.edition.user_header or ""
    command = f"python3 - {CLIENTS} {SECONDS} '{header}'"
    good, bad = json.loads(site.host.ssh(command, stdin=ASK))
    return good + bad, bad


def main() -> None:
    """Both pools, and what became of the requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edition", default="one-hub", choices=SHOPS)
    parser.add_argument("--database", default="postgresql", choices=tuple(databases.KINDS))
    options = parser.parse_args()
    lab = Lab(f"con{options.edition[0]}{options.database[0]}")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        host = lab.create("shop", "debian-13")
        lab.point("shop.lab.test", host)
        own = {"domain": "shop.lab.test", "edition": options.edition}
        site = LabSite(lab, host, host.connection() | lab.settings() | own)
        site.use(databases.KINDS[options.database](host))
        site.converge()
        print("requests, failed, with the site's pool:", *failed(site), flush=True)
        site.settings["environment"] = {"SQL_MAX_OPEN_CONNS": "1000", "SQL_MAX_IDLE_CONNS": "100"}
        site.converge()
        print("requests, failed, with One API's own:  ", *failed(site))
    finally:
        lab.down()


if __name__ == "__main__":
    main()
