"""Releases of One API that are bad, each in its way."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from one_api_infra.lab import stand_in
from one_api_infra.lab.lab import Lab

SERVER = """#!/usr/bin/python3
import http.server, json, sys, time
MARK = {"PaymentUSDRate": 7.3}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        is_status = self.path == "/api/status"
        ANSWER
    do_POST = do_GET
    def say(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("X-Oneapi-Request-Id", "1")
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)
    def status(self, mark=MARK):
        self.say(200, json.dumps({"success": True, "data": mark}).encode())
BEGAN = time.time()
PORT = int(sys.argv[sys.argv.index("--port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
"""


def server(answer: str) -> str:
    """A program that answers so."""
    return SERVER.replace("ANSWER", answer)


# What each is, and a word of what the deploy says of it.
BAD = {
    "exits": ("#!/bin/sh\necho out of luck; exit 3\n", "out of luck"),
    "fails to migrate": ("#!/bin/sh\necho 'failed to migrate: no such column'; exit 1\n",
                         "failed to migrate: no such column"),
    "hangs": ("#!/bin/sh\nexec sleep 1000\n", "does not answer"),
    "is ended by a signal": ("#!/bin/sh\nkill -SEGV $$\n", "does not answer"),
    "is for another machine": ("\x7fELF\0", "Exec format error"),
    "lacks its interpreter": ("#!/opt/nowhere\n", "No such file"),
    "answers 500": (server("self.status() if is_status else self.say(500, b'panic')"), "500 panic"),
    "answers a page": (server("self.status() if is_status else"
                              " self.say(200, b'<html>', 'text/html')"), "200 <html>"),
    "is another edition": (server("self.status({'start_time': 1}) if is_status else"
                                  " self.say(401, b'{}')"), "not One Hub"),
    "has no callback routes": (server("self.status() if is_status else self.say("
                                      "401 if self.path == '/v1/models' else 404, b'gone')"),
                               "404 gone"),
}  # fmt: skip

EATS_MEMORY = """#!/usr/bin/python3
import time
eaten = []
while True:
    eaten.append(b"x" * 20_000_000)
    time.sleep(0.02)
"""

# In the place of the stand-in's own: it proves itself, and fails some seconds later.
FAILS_LATER = """
import time
from stand_in import server

BEGAN = time.time()

def models(self):
    if time.time() - BEGAN > 6:
        self.send_error(500)
    else:
        server.Handler.models(self)

server.ROUTES.insert(0, ("GET", "/v1/models", False, models))
server.main()
"""


def fails_later(target: Path) -> None:
    """Write the stand-in so that it fails after a while."""
    stand_in.build(target, FAILS_LATER)


class Mirror(BaseHTTPRequestHandler):
    """A mirror of GitHub's releases: each version's program, whatever it is called."""

    programs: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        """``/https://github.com/OWNER/NAME/releases/download/VERSION/ASSET``."""
        found = self.programs.get(self.path.split("/")[-2], b"")
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(found)))
        self.end_headers()
        self.wfile.write(found)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def mirrored(lab: Lab, programs: dict[str, bytes]) -> Iterator[str]:
    """The URL of a mirror, with a certificate of the lab's own CA."""
    Mirror.programs = programs
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(lab.ca.directory / "https.pem", lab.ca.directory / "https.key")
    with ThreadingHTTPServer((lab.ca.address, 0), Mirror) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://{lab.ca.address}:{server.server_port}"
        server.shutdown()
