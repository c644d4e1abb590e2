"""Requests that the pool of connections lets fail: ``python -m benchmarks.connections``.

48 customers at once ask a model through the relay, where each request reads and writes One API's
database: once with the site's own pool, and once with One API's own default of 1,000. The model is
a local stub. Root, a lab; ``ONE_API_BINARY`` names a real One API, since the stand-in has no relay.
"""

import argparse
import json
import os

from benchmarks.payments import SHOPS
from one_api_infra.lab import process
from one_api_infra.lab.lab import Lab
from tests.lab import databases
from tests.lab.sites import LabSite

CLIENTS, SECONDS, UPSTREAM, NAME = 48, 20, 9009, "benchmark"
MODEL = "gpt-4o-mini"
ASK = """
import collections, http.client, http.server, json, sys, threading, time
clients, seconds, port, model, key = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]
usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
reply = {"role": "assistant", "content": "yes"}
choice = {"index": 0, "message": reply, "finish_reason": "stop"}
body = {"id": "x", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}

class Model(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_words):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256

threading.Thread(target=Server(("127.0.0.1", port), Model).serve_forever, daemon=True).start()
counts, end = collections.Counter(), time.monotonic() + seconds
question = json.dumps({"model": model, "messages": [{"role": "user", "content": "Is it?"}]})
headers = {"Authorization": f"Bearer sk-{key}", "Content-Type": "application/json"}

def client():
    way = http.client.HTTPConnection("127.0.0.1", 3000, timeout=30)
    while time.monotonic() < end:
        try:
            way.request("POST", "/v1/chat/completions", question, headers)
            answer = way.getresponse()
            text = answer.read().decode()
            counts["ok" if answer.status == 200 else f"{answer.status} {text.split('(request id')[0][:160]}"] += 1
        except Exception as error:
            counts[type(error).__name__] += 1
            way.close()

threads = [threading.Thread(target=client) for _each in range(clients)]
[each.start() for each in threads]
[each.join() for each in threads]
print(json.dumps(counts))
"""  # noqa: E501  # a program of its own


def open_relay(site: LabSite) -> str:
    """A model and a customer's key."""
    api = site.api()
    if site.site.edition.payment_rows:  # One Hub allows a group 600 requests a minute
        for row in api.request("GET", "/api/user_group/?page=1&size=9")["data"]["data"]:
            api.request("PUT", "/api/user_group/", row | {"api_rate": 1_000_000})
    channel = {"type": 1, "key": "none", "name": NAME, "models": MODEL, "group": "default"}
    channel |= {"base_url": f"http://127.0.0.1:{UPSTREAM}"}
    # New API wraps it, to let many be made at once.
    wrapped = {"mode": "single", "channel": channel} if site.site.edition.user_header else channel
    token = {"name": NAME, "unlimited_quota": True, "expired_time": -1, "remain_quota": 0}
    for path, body in (("/api/channel/", wrapped), ("/api/token/", token)):
        answer = api.request("POST", path, body)
        if not answer.get("success"):
            raise RuntimeError(f"{path}: {answer}")
    # Channels stand in its memory, which it fills when it starts.
    site.host.ssh("systemctl restart one-api.service")
    process.wait_until(site.answers, 60, "the site")
    return str(site.rows(f"SELECT tokens.key FROM tokens WHERE name = '{NAME}'")[0][0]).strip()


def asked(site: LabSite, key: str) -> tuple[int, dict[str, int]]:
    """Requests that were answered, and what became of the others."""
    command = f"python3 - {CLIENTS} {SECONDS} {UPSTREAM} {MODEL} {key}"
    counts = dict(json.loads(site.host.ssh(command, stdin=ASK)))
    return counts.pop("ok", 0), counts


def tell(pool: str, answered: int, failed: dict[str, int]) -> None:
    """One line, and the failures by kind."""
    print(f"with {pool}: {answered} answered, {sum(failed.values())} failed", flush=True)
    for words, count in sorted(failed.items(), key=lambda each: -each[1])[:5]:
        print(f"  {count}: {words}", flush=True)


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
        key = open_relay(site)
        tell("the site's pool", *asked(site, key))
        site.settings["environment"] = {"SQL_MAX_OPEN_CONNS": "1000", "SQL_MAX_IDLE_CONNS": "100"}
        site.converge()
        tell("One API's own pool", *asked(site, key))
    finally:
        lab.down()


if __name__ == "__main__":
    main()
