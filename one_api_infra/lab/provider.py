"""A provider behind One API: answers chat completions with timed server-sent events.

Run as ``python -m one_api_infra.lab.provider ADDRESS``. The model's name says what to send:
``stream-100-20`` is 100 events, 20 ms apart. Each event carries the time at which it was sent
(``time.time()``), so that a client can measure its delay.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8000


class Handler(BaseHTTPRequestHandler):
    """One request to ``/v1/chat/completions``."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Send the events that the model's name asks for."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        _kind, count, gap = body["model"].split("-")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for index in range(int(count)):
            self._event(body["model"], {"content": json.dumps({"n": index, "sent": time.time()})})
            time.sleep(int(gap) / 1000)
        self._event(body["model"], {}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, model: str, delta: dict[str, str], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        event = {"id": "lab", "object": "chat.completion.chunk", "created": int(time.time())}
        chunk = event | {"model": model, "choices": [choice]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def main() -> None:
    """Serve until killed."""
    ThreadingHTTPServer((sys.argv[1], PORT), Handler).serve_forever()


if __name__ == "__main__":
    main()
