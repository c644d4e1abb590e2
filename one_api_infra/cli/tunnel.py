"""``one-api-infra tunnel``: a One API on this machine gets a public name of a server."""

import json
import os
import signal
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from one_api_infra.cli.deploy import INVENTORY
from one_api_infra.remote import inventory as inventories
from one_api_infra.remote.tunnel import callbacks
from one_api_infra.remote.tunnel.choice import choose
from one_api_infra.remote.tunnel.connection import Connection
from one_api_infra.remote.tunnel.places import Places
from one_api_infra.server.callbacks.order_sources import ORDER_SOURCES
from one_api_infra.shared import callback_event, editions
from one_api_infra.shared.callback_event import CallbackEvent
from one_api_infra.shared.editions.api import DEFAULT_PASSWORD, Api, ApiError
from one_api_infra.shared.editions.entry import entered
from one_api_infra.shared.errors import OperatorError
from one_api_infra.shared.texts import _

PASSWORD = "ONE_API_PASSWORD"  # noqa: S105  # variables' names
EPAY_KEY = "ONE_API_EPAY_KEY"
LOOK = 15.0  # seconds between two looks at One API's payment rows
WAIT = 1.0


@click.command()
@INVENTORY
@click.option("--name", help="Which tunnel; else the one whose key is in ~/.ssh.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True,
              help="One API's port here.")  # fmt: skip
@click.option("--put-back", is_flag=True, help="At the end put back what stood in One API before.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def tunnel(inventory: Path, name: str | None, port: int, put_back: bool, as_json: bool) -> None:
    """Give a One API on this machine a public name of INVENTORY's host, until Ctrl-C.

    ServerAddress and every payment row are set to it, with root's password (ONE_API_PASSWORD).
    Each callback is shown as it comes."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)
    password = _password()
    choice = choose(inventories.read(inventory), name)
    screen = _Screen(as_json)
    places: Places | None = None
    connection: Connection | None = None
    try:
        api = _awaited(f"http://127.0.0.1:{port}", password, screen)
        watch = callbacks.Watch(api.base, screen.callback)
        server = callbacks.serve(watch)
        connection = Connection(choice, port, server.server_address[1], screen.tell)
        places = Places(api, password, connection.url)
        _look(places, watch, screen)
        threading.Thread(target=connection.keep, daemon=True).start()
        while True:
            time.sleep(LOOK)
            _look(places, watch, screen)
    except KeyboardInterrupt:
        pass
    finally:
        if connection:
            connection.end()
        if places:
            _end(places, screen, put_back)


def _password() -> str:
    """Root's. OperatorError for One API's own first one, which all the world knows."""
    password = os.environ.get(PASSWORD, "")
    if password in {"", DEFAULT_PASSWORD}:
        raise OperatorError(
            _(
                "the public name is everybody's: give root another password than One API's first"
                " one, and `export ONE_API_PASSWORD=…`"
            )
        )
    return password


def _awaited(base: str, password: str, screen: "_Screen") -> Api:
    """One API as root, as soon as it answers."""
    is_told = False
    while True:
        try:
            return entered(base, password)
        except ApiError as error:
            if _is_there(base):
                raise OperatorError(str(error)) from None
        if not is_told:
            screen.tell("waiting", base)
            is_told = True
        time.sleep(WAIT)


def _is_there(base: str) -> bool:
    try:
        Api(editions.get("one-hub"), base).request("GET", "/api/status")
    except ApiError:
        return False
    return True


def _look(places: Places, watch: callbacks.Watch, screen: "_Screen") -> None:
    """Set what is not right, and learn the keys of payment rows; a One API that is away waits."""
    try:
        places.enter()
        for place in places.mend():
            screen.tell("set", f"{place}: {place.value or '-'} → {place.wanted}")
        source = ORDER_SOURCES[places.api.edition.order_source]
        known = set(watch.known)
        watch.learn(source(places.api, {"EpayKey": os.environ.get(EPAY_KEY, "")}))
        for account in watch.known.values():
            if account.path and account.path not in known:
                screen.tell(
                    "row", f"{account.title or account.gateway}: {places.origin}{account.path}"
                )
    except ApiError as error:
        screen.tell("away", str(error))


def _end(places: Places, screen: "_Screen", put_back: bool) -> None:
    if not put_back:
        screen.tell("kept", places.origin)
        return
    try:
        for place in places.put_back():
            screen.tell("put back", f"{place} = {place.value}")
    except ApiError as error:
        screen.tell("away", str(error))


class _Screen:
    """What a person, or a script, is told."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.zone = datetime.now().astimezone().tzinfo or UTC
        self.last = ("", "")

    def callback(self, event: CallbackEvent, again: bool) -> None:
        """One callback."""
        if self.as_json:
            click.echo(json.dumps({**asdict(event), "again": again}, ensure_ascii=False))
            return
        mark = _("sent again: ") if again else ""
        click.echo(mark + callback_event.line(event, self.zone))

    def tell(self, state: str, words: str) -> None:
        """A change of state; the same one twice in a row is told once."""
        if (state, words) == self.last:
            return
        self.last = (state, words)
        if self.as_json:
            click.echo(json.dumps({"state": state, "words": words}, ensure_ascii=False))
            return
        colour = {"open": "green", "lost": "yellow", "unreachable": "red", "away": "red"}
        click.secho(_sentence(state, words), fg=colour.get(state), err=state in colour)


def _sentence(state: str, words: str) -> str:
    sentences = {
        "open": _("Open at {words}; Ctrl-C ends it", words=words),
        "lost": _("The connection is lost, and is opened again: {words}", words=words),
        "unreachable": _("ssh is there, but the public name does not answer: {words}", words=words),
        "waiting": _("Waiting for One API at {words}", words=words),
        "away": _("One API: {words}", words=words),
        "set": _("set: {words}", words=words),
        "row": _("callback URL of {words}", words=words),
        "put back": _("put back: {words}", words=words),
        "kept": _("{words} still stands in One API; --put-back would have put back what was there",
                  words=words),
    }  # fmt: skip
    return sentences[state]
