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
from one_api_infra.lab.local.page import Page, row
from one_api_infra.lab.local.shop import Shop
from one_api_infra.lab.stand_in.store import sign
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
        if not hasattr(self, "page"):
            self._send(503, b"waiting for One API", HTML)
        elif url.path == "/api.php":
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
        own = self._own() if hasattr(self, "page") else set()
        if self.headers.get("Host") not in {each.removeprefix("http://") for each in own}:
            self._send(403, b"", HTML)  # another name leads here: a page of somebody else's
        elif path == "/submit.php":
            self._submitted(form)
        elif self.headers.get("Origin", self.page.here) not in own:
            self._send(403, b"", HTML)
        elif path == "/order":
            self._order(form)
        else:
            self._act(form)

    def _own(self) -> set[str]:
        return {self.page.here, self.page.here.replace("127.0.0.1", "localhost")}

    def _submitted(self, form: dict[str, str]) -> None:
        number = form.get("out_trade_no", "")
        if form.get("sign") != sign(form, epay.KEY):
            self._show("", "epay: sign")
            return
        self.page.shop.given[number] = form
        self.page.shop.listed = 0.0
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
        found = (each for each in self.page.shop.last if each[0].number == number)
        order, account = next(found, (None, None))
        if order and account and form.get("act") in ACTS:
            self.counter.act(form["act"], order, account)
            self.page.shop.listed = 0.0
        self._go(number if "order=" in self.headers.get("Referer", "") else "")

    def _show(self, number: str, problem: str = "") -> None:
        shop, status = self.page.shop, 200
        try:
            shop.orders()
        except ApiError as error:
            problem, status = str(error), 502
        given, events = shop.given, self.counter.events
        rows = [
            row(order, account, events, given.get(order.number, {})) for order, account in shop.last
        ]
        text = self.page.render(rows, self._language(), number, problem)
        self._send(status, text.encode(), HTML)

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


def made(port: int, folder: Path) -> ThreadingHTTPServer:
    """The program, which is a proxy until ``serve`` gives it a page. OSError if it has no port."""
    Handler.context = proxy.trust(folder)
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server


def serve(api: Api, password: str, port: int, folder: Path) -> Shop:
    """Give it the page for a One API."""
    here = f"http://127.0.0.1:{port}"
    shop = Shop(api, password, Gateway(folder / proxy.ROOT, here, epay.PARTNER, epay.KEY))
    Handler.page = Page(shop, here, str(folder / proxy.ROOTS))
    Handler.counter = Counter(shop)
    return shop
