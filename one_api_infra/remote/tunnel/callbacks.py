"""The callbacks that come by a tunnel: judged, passed on to One API, and shown."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from one_api_infra.server.callbacks import intake
from one_api_infra.server.callbacks.event import event
from one_api_infra.server.callbacks.gateways.gateway import CallbackRequest, Claim
from one_api_infra.server.callbacks.intake import Accounts, Judged
from one_api_infra.server.callbacks.loopback import Loopback
from one_api_infra.server.callbacks.order import Status
from one_api_infra.server.callbacks.order_sources.order_source import OrderSource
from one_api_infra.shared.callback import HEADERS, Callback
from one_api_infra.shared.callback_event import CallbackEvent
from one_api_infra.shared.editions.api import ApiError
from one_api_infra.shared.tunnel import RECORDED, REPLAY

ASCII = 128
AWAY = 502  # One API does not answer: the gateway calls again, and so does the server
HOP = frozenset(("connection", "keep-alive", "host", "content-length", "accept-encoding"))
NOBODYS = Claim("", "", None, "", "", is_paid=False, is_genuine=False)

Show = Callable[[CallbackEvent, bool], None]


@dataclass
class Watch:
    """One API on this machine; ``show`` gets each callback, and whether it was sent again."""

    base: str
    show: Show
    source: OrderSource | None = None
    known: Accounts = field(default_factory=dict)
    again: threading.Lock = field(default_factory=threading.Lock)

    def learn(self, source: OrderSource) -> None:
        """Read the accounts, which verify signatures. ApiError if One API does not tell."""
        self.source, self.known = source, intake.accounts(source.accounts())

    def take(self, came: Callback, request: CallbackRequest, *, again: bool) -> tuple[int, bytes]:
        """Pass one on, show it, and the answer for who sent it."""
        if not again:
            return self._passed(came, request, again=False)
        with self.again:  # one at a time: two of the same order would both find it pending
            if not self._may_go_again(came):
                return 200, b"not sent"
            return self._passed(came, request, again=True)

    def _passed(
        self, came: Callback, request: CallbackRequest, *, again: bool
    ) -> tuple[int, bytes]:
        begin = time.monotonic()
        answer = Loopback(self.base)(request)
        status = answer.status or AWAY
        done = replace(
            came, status=status, answer=answer.body, answer_bytes=len(answer.body),
            seconds=time.monotonic() - begin,
        )  # fmt: skip
        self.show(event(self._judged(done)), again)
        return status, answer.body

    def _judged(self, callback: Callback) -> Judged:
        with contextlib.suppress(Exception):  # whatever strangers send
            if found := intake.judge(callback, self.known):
                return found
        return Judged(callback, "", callback.row, NOBODYS, is_accepted=False)

    def _may_go_again(self, came: Callback) -> bool:
        """By the callback service's rules: genuine, paid, and its order still pending.

        Where no key is known (New API tells none, and has more gateways) One API itself judges.
        """
        if self.source is None:
            raise ApiError("not yet")
        is_unknown = not self.source.edition.payment_rows and came.path not in self.known
        if self.source.is_blind or is_unknown:
            return True
        claim = self._judged(came).claim
        if not (claim.is_genuine and claim.is_paid):
            return False
        order = self.source.order(claim.number)
        return order is not None and order.status is Status.PENDING


class Handler(BaseHTTPRequestHandler):
    """A request from the tunnel."""

    watch: ClassVar[Watch]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """epay's."""
        self._take()

    def do_POST(self) -> None:
        """All others'."""
        self._take()

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        again = headers.pop(REPLAY.lower(), "")
        at = headers.pop(RECORDED.lower(), "")
        # Bytes that are no ASCII stand here as Latin-1.
        uri = "".join(chr(b) if b < ASCII else f"%{b:02X}" for b in self.path.encode("latin-1"))
        came = _callback(self.command, uri, headers, body, again, at)
        kept = {name: value for name, value in headers.items() if name not in HOP}
        request = CallbackRequest(self.command, uri, kept, body)
        try:
            status, answer = self.watch.take(came, request, again=bool(again))
        except ApiError:
            status, answer = AWAY, b""
        self._send(status, answer)

    def _send(self, status: int, answer: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: ``show`` tells."""


def _callback(  # noqa: PLR0913, PLR0917  # a request's parts
    method: str, uri: str, headers: Mapping[str, str], body: bytes, again: str, at: str
) -> Callback:
    return Callback(
        id=again or uuid.uuid4().hex,
        at=float(at or time.time()),
        client=headers.get("x-real-ip", ""),
        method=method,
        uri=uri,
        gateway="",
        agent=headers.get("user-agent", ""),
        content_type=headers.get("content-type", ""),
        headers={name: headers[name] for name in HEADERS if name in headers},
        body=body,
        body_is_whole=True,
        status=0,
        answer=None,
        answer_bytes=0,
        seconds=0.0,
        request_id="",
    )


def serve(watch: Watch) -> ThreadingHTTPServer:
    """Listen on a port of loopback that is free."""
    Handler.watch = watch
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
