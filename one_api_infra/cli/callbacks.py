"""``one-api-infra callbacks``: what the gateways send, as it comes."""

import json
import shlex
import sys
import threading
from pathlib import Path

import click

from one_api_infra.checks import remedy
from one_api_infra.cli.deploy import INVENTORY, LIMIT
from one_api_infra.cli.servers import SECONDS, servers, shell
from one_api_infra.remote import inventory as inventories
from one_api_infra.remote.ssh import Server
from one_api_infra.shared import callback_event, foreign, plain
from one_api_infra.shared.callback_event import CallbackEvent
from one_api_infra.shared.clock import zone
from one_api_infra.shared.errors import OperatorError
from one_api_infra.shared.texts import _

ZONE = "Asia/Shanghai"  # `time_zone`, where an inventory does not set it


@click.command()
@INVENTORY
@LIMIT
@click.option("--follow", is_flag=True, help="Go on with each that comes, until Ctrl-C.")
@click.option("--minutes", type=click.IntRange(0), help="Begin so long ago (60; 0 with --follow).")
@click.option("--replay", metavar="ID", help="Let the callback service send this one once more.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def callbacks(  # noqa: PLR0913, PLR0917  # one an option
    inventory: Path, limit: str | None, follow: bool, minutes: int | None, replay: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Show the callbacks of INVENTORY's hosts: gateway, order, signature, answer, time."""
    if replay and (follow or as_json):
        raise click.UsageError(_("--replay goes alone"))
    if replay:
        sys.exit(_replay(inventory, limit, replay))
    begin = 60 * (minutes if minutes is not None else 0 if follow else 60)
    command = shell(f"callbacks-{'follow' if follow else 'show'} {begin}")
    chosen = list(servers(inventory, limit))
    zones = {name: data.get("time_zone", ZONE) for name, data in inventories.read(inventory)}
    failures: list[str] = []
    threads = [
        threading.Thread(
            target=_watch, daemon=True,
            args=(server, command, None if as_json else zones[name], len(chosen) > 1, failures),
        )
        for name, server in chosen
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    _wait(threads, inventory)
    sys.exit(int(bool(failures)))


def _wait(threads: list[threading.Thread], inventory: Path) -> None:
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        text = _("Next: `one-api-infra order NUMBER` shows every step of one of them.")
        told = remedy.named(text, inventories.shown(inventory))
        click.secho(f"\n{told}", fg="green", err=True)


def _watch(
    server: Server, command: str, zone_name: str | None, is_named: bool, failures: list[str]
) -> None:
    """Print what one host tells, as JSON where no time zone is given."""
    is_told = False
    try:
        for text in server.lines(command):
            if text.startswith("{"):
                shown = _line(text, zone_name) if zone_name else text.rstrip()
                click.echo(f"{server.name}: {shown}" if is_named and zone_name else shown)
            elif not is_told:  # a sign of life
                is_told = True
                click.echo(_("{name}: watching; Ctrl-C ends it", name=server.name), err=True)
    except OperatorError as error:
        failures.append(str(error))
        click.secho(str(error), fg="red", err=True)


def _line(text: str, zone_name: str) -> str:
    event = plain.parse(CallbackEvent, json.loads(text))
    return callback_event.line(event, zone(zone_name))


def _replay(inventory: Path, limit: str | None, identity: str) -> int:
    """The exit code: 0 if one of the hosts has it."""
    code = 1
    for name, server in servers(inventory, limit):
        output, error = server.run(shell(f"callbacks-replay {shlex.quote(identity)}"), SECONDS)
        click.echo(f"{name}: {foreign.printable(output or error).rstrip()}", err=bool(error))
        code = min(code, int(bool(error)))
    return code
