"""The program: the page, epay's own pages, and the proxy for the other gateways, at one port."""

import ssl
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, quote, urlsplit

from one_api_infra.lab import epay
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.local import proxy
from one_api_infra.lab.local.acts import ACTS, Counter
from one_api_infra.lab.local.page import Page, Row, row
from one_api_infra.lab.local.shop import Shop
from one_api_infra.shared.editions.api import Api, ApiError

LANGUAGES = ("en", "zh_CN")
HTML = "text/html; charset=utf-8"


class Handler(epay.Handler):
    """One request. ``api.php`` is epay's."""

    page: ClassVar[Page]
    counter: ClassVar[Counter]
    context: ClassVar[ssl.SSLContext]

    def do_CONNECT(self) -> None:
        """A gateway's name is answered here."""
        proxy.connect(self, self.context)

    def do_GET(self) -> None:
        """The page; ``submit.php``, where One API sends payers by a link."""
        url = urlsplit(self.path)
        if url.path == "/api.php":
            super().do_GET()
        elif url.path == "/submit.php":
            self._submitted(dict(parse_qsl(url.query)))
        else:
            self._show(dict(parse_qsl(url.query)).get("order", ""))

    def do_POST(self) -> None:
        """The buttons, of this page alone; ``submit.php``, as One API's page sends it."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        form = dict(parse_qsl(body.decode(errors="replace")))
        path = urlsplit(self.path).path
        if path == "/submit.php":
            self._submitted(form)
        elif self.headers.get("Origin", self.page.here) not in self._own():
            self._send(403, b"", HTML)
        elif path == "/order":
            self._order(form)
        else:
            self._act(form)

    def _own(self) -> set[str]:
        return {self.page.here, f"http://{self.headers['Host']}"}

    def _submitted(self, form: dict[str, str]) -> None:
        number = form.get("out_trade_no", "")
        self.page.shop.given[number] = form
        self._go(number)

    def _order(self, form: dict[str, str]) -> None:
        try:
            made = self.page.shop.order(form.get("row", ""))
        except (ApiError, StopIteration) as error:
            self._show("", str(error) or "?")
            return
        parameters = dict(parse_qsl(urlsplit(made.link).query))
        if made.is_told:
            self.page.shop.given[made.number] = parameters
        self._go("")

    def _act(self, form: dict[str, str]) -> None:
        number = form.get("number", "")
        found = (each for each in self.page.shop.orders() if each[0].number == number)
        order, account = next(found, (None, None))
        if order and account and form.get("act") in ACTS:
            self.counter.act(form["act"], order, account)
        self._go("")

    def _show(self, number: str, problem: str = "") -> None:
        try:
            rows, status = self._rows(), 200
        except ApiError as error:
            rows, problem, status = [], str(error), 502
        text = self.page.render(rows, self._language(), number, problem)
        self._send(status, text.encode(), HTML)

    def _rows(self) -> list[Row]:
        given, events = self.page.shop.given, self.counter.events
        return [
            row(order, account, events, given.get(order.number, {}))
            for order, account in self.page.shop.orders()
        ]

    def _language(self) -> str:
        asked = dict(parse_qsl(urlsplit(self.path).query)).get("language", "")
        accepted = self.headers.get("Accept-Language", "").lower()
        usual = "zh_CN" if accepted.startswith("zh") else "en"
        return asked if asked in LANGUAGES else usual

    def _go(self, number: str) -> None:
        """To the page again, in the language in which it was."""
        language = dict(parse_qsl(urlsplit(self.headers.get("Referer", "")).query)).get("language")
        kept = f"language={quote(language)}" if language else ""
        chosen = f"order={quote(number)}" if number else ""
        query = "&".join(filter(None, (chosen, kept)))
        self._send(303, b"", HTML, f"/?{query}" if query else "/")

    def _send(self, status: int, body: bytes, kind: str, location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)


def made(api: Api, port: int, folder: Path) -> ThreadingHTTPServer:
    """The program for a One API, with its accounts there; ApiError if One API refuses them."""
    here = f"http://127.0.0.1:{port}"
    Handler.context = proxy.trust(folder)
    shop = Shop(api, Gateway(folder / proxy.ROOT, here, epay.PARTNER, epay.KEY))
    Handler.page = Page(shop, here, str(folder / proxy.ROOTS))
    Handler.counter = Counter(shop)
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server
