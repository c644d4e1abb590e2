"""Model calls, passed on to a channel."""

import http.client
from urllib.parse import urlsplit

from .connection import Connection
from .store import signed


class Relay(Connection):
    """The OpenAI-like route."""

    def is_let_in(self) -> bool:
        """Whether the key is one of ours, made with the secrets of now; else it is refused."""
        key = (self.headers.get("Authorization") or "").removeprefix("Bearer ").removeprefix("sk-")
        known = self.store.rows("SELECT 1 FROM tokens WHERE key = ?", key)
        if known and signed(key[:16]) == key:
            return True
        self.json({"error": {"message": "无效的令牌", "type": "one_hub_error"}}, 401)
        return False

    def models(self) -> None:
        """GET /v1/models"""
        if self.is_let_in():
            self.json({"data": [], "object": "list"})

    def relay(self) -> None:
        """POST /v1/chat/completions: passed on to the channel of the model, as it comes."""
        if not self.is_let_in():
            return
        model = str((self.data() or {}).get("model"))
        channels = self.store.rows("SELECT * FROM channels")
        channel = next((row for row in channels if model in row["models"].split(",")), None)
        if channel is None:
            self.json({"error": {"message": f"no channel for {model}"}}, 503)
            return
        upstream = http.client.HTTPConnection(urlsplit(channel["base_url"]).netloc, timeout=600)
        upstream.request("POST", self.route, self.body, {"Content-Type": "application/json"})
        answer = upstream.getresponse()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("X-Accel-Buffering", "no")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while chunk := answer.read1(65536):
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
