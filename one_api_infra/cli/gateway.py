"""``one-api-infra gateway``: payment gateways on this machine, for a One API under development."""

import os
import signal
import threading
from pathlib import Path

import click

from one_api_infra.lab.local import server
from one_api_infra.lab.local.shop import entered
from one_api_infra.shared.editions.api import DEFAULT_PASSWORD, ApiError
from one_api_infra.shared.errors import OperatorError
from one_api_infra.shared.texts import _

FOLDER = Path.home() / ".cache/one-api-infra/gateway"
PASSWORD = "ONE_API_PASSWORD"  # noqa: S105  # the variable's name


@click.command()
@click.option("--port", default=3000, show_default=True, help="One API's, on this machine.")
@click.option("--listen", default=8090, show_default=True, help="The page's.")
def gateway(port: int, listen: int) -> None:
    """Payment gateways for a One API on this machine: a page of buttons, until Ctrl-C.

    It makes payment rows in One API, which it enters as root (ONE_API_PASSWORD, else One API's own
    first password), and takes them away at the end."""
    try:
        api = entered(f"http://127.0.0.1:{port}", os.environ.get(PASSWORD) or DEFAULT_PASSWORD)
        program = server.made(api, listen, FOLDER)
    except (ApiError, OSError) as error:
        raise OperatorError(str(error)) from None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=program.serve_forever, daemon=True).start()
    shop = server.Handler.page.shop
    try:
        shop.open()
        for kind, reason in shop.refused.items():
            click.secho(f"{kind}: {reason}", fg="yellow", err=True)
        click.echo(_("Open {url}; Ctrl-C ends it", url=server.Handler.page.here))
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo(_("The payment rows are taken away again."))
    except ApiError as error:
        raise OperatorError(str(error)) from None
    finally:
        shop.close()
        program.shutdown()
