"""``one-api-infra gateway``: payment gateways on this machine, for a One API under development."""

import os
import signal
import socket
import threading
import time
from pathlib import Path

import click

from one_api_infra.lab.local import proxy, server
from one_api_infra.lab.local.shop import Shop
from one_api_infra.shared.editions.api import DEFAULT_PASSWORD, Api, ApiError
from one_api_infra.shared.editions.entry import entered
from one_api_infra.shared.errors import OperatorError
from one_api_infra.shared.texts import _

FOLDER = Path.home() / ".cache/one-api-infra/gateway"
PASSWORD = "ONE_API_PASSWORD"  # noqa: S105  # the variable's name
PORT = click.IntRange(1, 65535)


@click.command()
@click.option("--port", type=PORT, default=3000, show_default=True, help="One API's port here.")
@click.option("--listen", type=PORT, default=8090, show_default=True, help="The page's.")
def gateway(port: int, listen: int) -> None:
    """Payment gateways for a One API on this machine: a page of buttons, until Ctrl-C.

    It makes payment rows in One API, which it enters as root (ONE_API_PASSWORD, else One API's own
    first password), and takes them away at the end. Not for a One API that others use."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)
    try:
        program = server.made(listen, FOLDER)
    except OSError as error:
        text = _("port {port} is taken ({reason}): --listen takes another", port=listen,
                 reason=error.strerror)  # fmt: skip
        raise OperatorError(text) from None
    threading.Thread(target=program.serve_forever, daemon=True).start()
    shop: Shop | None = None
    try:
        password = os.environ.get(PASSWORD) or DEFAULT_PASSWORD
        api = _awaited(f"http://127.0.0.1:{port}", password, listen)
        shop = server.serve(api, password, listen, FOLDER)
        shop.open()
        for kind, reason in shop.refused.items():
            click.secho(f"{kind}: {reason}\n{_variables(listen)}", fg="yellow", err=True)
        click.echo(_("Open {url}; Ctrl-C ends it", url=server.Handler.page.here))
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    except ApiError as error:
        raise OperatorError(str(error)) from None
    finally:
        if shop and shop.before is not None:
            _end(shop)
        program.shutdown()


def _awaited(base: str, password: str, listen: int) -> Api:
    """One API as root, as soon as it answers."""
    is_told = False
    while True:
        try:
            return entered(base, password)
        except ApiError:
            if _answers(base):
                raise
        if not is_told:
            text = _("Waiting for One API at {url}; it can be started now with:", url=base)
            click.echo(f"{text}\n{_variables(listen)}", err=True)
            is_told = True
        time.sleep(1)


def _answers(base: str) -> bool:
    host, _colon, port = base.removeprefix("http://").partition(":")
    try:
        with socket.create_connection((host, int(port)), 2):
            return True
    except OSError:
        return False


def _variables(listen: int) -> str:
    """With which One API reaches the gateways here."""
    return f"HTTPS_PROXY=http://127.0.0.1:{listen} SSL_CERT_FILE={FOLDER / proxy.ROOTS}"


def _end(shop: Shop) -> None:
    """Take the payment rows away."""
    try:
        shop.close()
    except ApiError as error:
        text = _("The payment rows are still there: {reason}", reason=error)
        click.secho(text, fg="red", err=True)
        return
    click.echo(_("What was made in One API is taken away again."))
