"""``one-api-infra init``: an inventory for one server, from what can be seen of it."""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from one_api_infra.checks.observers import dns
from one_api_infra.desired import project
from one_api_infra.desired.domain import Domain
from one_api_infra.desired.site import Site
from one_api_infra.remote import example
from one_api_infra.remote.ssh import Server, address
from one_api_infra.shared import editions
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem, ValidationError

EXAMPLE = project.ROOT / "inventory" / "production.example.py"
SECONDS = 15.0
# One API by its own word, at the port that all editions take by themselves.
STATUS = "curl -s --max-time 5 http://127.0.0.1:3000/api/status || true"


@click.command()
@click.argument("output", default="inventory.py", type=click.Path(path_type=Path))
@click.option("--server", help="The server's address or name, as ssh takes it.")
@click.option("--domain", help="The bare domain: no https://, no port.")
@click.option("--email", help="Of the ACME account. Let's Encrypt mails nobody: set alert_urls.")
@click.option("--ssh-user", default="root", show_default=True)
@click.option("--ssh-port", type=int, help="Default: ssh's own.")
@click.option("--ssh-key", help="The private key's file. Default: ssh's own.")
@click.option("--edition", type=click.Choice(list(editions.EDITIONS)), help="Default: what runs.")
@click.option("--yes", is_flag=True, help="Do not ask: all that is needed is given.")
def init(output: Path, yes: bool, **given: Any) -> None:
    """Write an inventory for one server to OUTPUT (default: inventory.py), after a look at it."""
    if output.suffix != ".py":
        expected = _("a file of Python: its name ends in .py")
        raise ValidationError([Problem(str(output), expected, "inventory/production.py")])
    if output.exists():
        remedy = _("name another file, or remove it")
        raise ValidationError([Problem(str(output), _("a file that is not there yet"), remedy)])
    _complete(given, yes=yes)
    host, settings = _address(given["server"]), _settings(given)
    Site.parse(settings | {"lab": _is_lab(given["domain"])})
    warnings = [*_names(settings["domain"], host), *_ask(host, settings, given["edition"])]
    text = example.inventory(EXAMPLE.read_text(encoding="utf-8"), str(output), host, settings)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
    for warning in warnings:
        click.secho(f"! {warning}", fg="yellow", err=True)
    text = _("{path} is written. Next: `one-api-infra deploy {path}`.", path=output)
    click.secho(text, fg="green", err=True)
    sys.exit(int(bool(warnings)))


def _complete(given: dict[str, Any], *, yes: bool) -> None:
    """Ask for what is needed and not given."""
    questions = {"server": _("The server's address"), "domain": _("The site's domain"),
                 "email": _("Your e-mail address, for the CA")}  # fmt: skip
    missing = [name for name in questions if not given[name]]
    if missing and yes:
        expected = _("a value, with --yes")
        raise ValidationError([Problem(f"--{n}", expected, f"--{n} …") for n in missing])
    for name in missing:
        given[name] = click.prompt(questions[name], err=True)


def _address(server: str) -> str:
    """A bare name or address: a user and a port have settings of their own."""
    if re.search(r"[@/\[\]]|^[^:]*:\d+$", server):
        expected = _("a bare name or address; it is {server}", server=server)
        raise ValidationError([Problem("--server", expected, "--ssh-user …, --ssh-port …")])
    return server


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    domain = Domain.parse(given["domain"], "--domain", lab=_is_lab(given["domain"]))
    settings = {"ssh_user": given["ssh_user"], "domain": str(domain), "acme_email": given["email"]}
    settings |= {name: given[name] for name in ("ssh_port", "ssh_key") if given[name]}
    return settings | ({"_sudo": True} if given["ssh_user"] != "root" else {})


def _is_lab(domain: str) -> bool:
    """Whether it can be a lab's alone: RFC 6761 keeps .test for tests."""
    return domain.endswith(".test")


def _names(domain: str, host: str) -> Iterable[str]:
    """What is wrong with the domain's records: no address, or not the one that ssh uses."""
    (found,) = dns.addresses([domain])
    if not found.addresses:
        yield _("{domain} has no address: make an A record with {host}", domain=domain, host=host)
    elif address(host, {}) not in found.addresses:
        shown = ", ".join(found.addresses)
        yield _("{domain} leads to {shown}, not to {host}", domain=domain, shown=shown, host=host)


def _ask(host: str, settings: dict[str, Any], edition: str | None) -> Iterable[str]:
    """Reach the server, and learn which edition runs there."""
    first = {"ssh_strict_host_key_checking": "accept-new"}  # as the first deploy does
    output, error = Server(host, settings | first).run(STATUS, SECONDS)
    if error:
        yield _("{host} cannot be reached by ssh: {error}", host=host, error=error)
    found = edition or running(output)
    if found:
        settings["edition"] = found


def running(output: str) -> str | None:
    """The edition that answered with ``output``; None for no answer of any."""
    try:
        told = json.loads(output)["data"]
        return editions.of_status(told).name if isinstance(told, dict) else None
    except (ValueError, KeyError, TypeError):
        return None
