"""A channel for alerts that tests read, and a site that knows it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.lab.sites import LabSite

RUN = "systemctl start one-api-monitor.service"
SLOW = "[Timer]\nOnActiveSec=\nOnUnitInactiveSec=\nOnActiveSec=1h\n"


class Channel:
    """Takes alerts (apprise's JSON) and heartbeats, as long as it is up."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self.alerts: list[dict[str, Any]] = []
        self.heartbeats = 0
        self.start()

    @property
    def url(self) -> str:
        """The channel as apprise calls it."""
        return f"json://{self.address}:{self.port}/alerts"

    def start(self) -> None:
        """Listen."""
        channel = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                channel.heartbeats += 1
                self.answer()

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                channel.alerts.append(json.loads(self.rfile.read(length)))
                self.answer()

            def answer(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Silence."""

        ThreadingHTTPServer.allow_reuse_address = True
        self.server = ThreadingHTTPServer((self.address, self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections."""
        self.server.shutdown()
        self.server.server_close()


WAIVED = ["system.drop_ins"]  # the monitor rests by one


def watched(site: LabSite, channel: Channel, **settings: Any) -> None:
    """The site with alerts; runs are ours to start."""
    heartbeat = f"http://{channel.address}:{channel.port}/alive"
    site.inventory(alert_urls=[channel.url], heartbeat_url=heartbeat, waive=WAIVED, **settings)
    site.converge()
    # Enabled and waiting, but for so long that no run comes between ours.
    folder = "/run/systemd/system/one-api-monitor.timer.d"
    site.host.ssh(f"mkdir -p {folder}; cat >{folder}/x.conf", stdin=SLOW)
    site.host.ssh("systemctl daemon-reload; systemctl restart one-api-monitor.timer")


def runs(site: LabSite, count: int) -> None:
    """Runs of the monitor, one after the other."""
    for _index in range(count):
        site.host.ssh(RUN)
