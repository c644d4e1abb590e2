"""``one-api-infra move``: a site goes to another server of the inventory, while it serves."""

import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from one_api_infra.checks import target as targets
from one_api_infra.checks.observers import dns
from one_api_infra.cli import runner
from one_api_infra.cli.deploy import INVENTORY, next_step
from one_api_infra.cli.servers import shell
from one_api_infra.desired import move as moves
from one_api_infra.desired import preflight
from one_api_infra.desired.site import Site
from one_api_infra.remote import inventory as inventories
from one_api_infra.remote import ssh
from one_api_infra.remote.ssh import Server
from one_api_infra.shared import foreign, paths, plain
from one_api_infra.shared.move import Moved
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem, ValidationError

SECONDS = 60.0
PAUSE = 15.0  # between two questions to DNS
LOOK = (
    f"stat -c %s {paths.DATABASE} 2>/dev/null || echo 0;"
    f" ss -Htn state established '( sport = :{{port}} )' | wc -l"
)


@click.command()
@INVENTORY
@click.option("--yes", is_flag=True, help="Do not ask.")
def move(inventory: Path, yes: bool) -> None:
    """Move a site of INVENTORY to the host with `moves_from`, while it serves.

    The old server hands every request on until DNS has followed; then it may go. Running it again
    goes on where it was."""
    hosts = dict(inventories.read(inventory))
    pairs = inventories.moves(list(hosts.items()))
    if not pairs:
        expected = _("two hosts of one domain, the new one with `moves_from`")
        remedy = _('add the new host with the same settings and "moves_from": "OLD ADDRESS"')
        raise ValidationError([Problem(str(inventory), expected, remedy)])
    for old, new in pairs:
        _show(old, new, hosts[old])
    if not (yes or click.confirm(_("Move it?"), err=True)):
        sys.exit(1)
    done = runner.run(inventory, "move", "-y")
    next_step(done, inventory)
    if done.code:
        sys.exit(done.code)
    failed = [
        old for old, new in pairs if not _follow(old, hosts[old], new, hosts[new], asks=not yes)
    ]
    sys.exit(int(bool(failed)))


def has_left(everything: inventories.Hosts, chosen: Iterable[str]) -> list[str]:
    """Those of the chosen hosts whose site has moved to another of the inventory."""
    hosts, wanted = dict(everything), set(chosen)
    look = f"test ! -e {paths.MOVED} || echo moved"
    return [
        old
        for old, _new in inventories.moves(everything)
        if old in wanted and Server(old, hosts[old]).run(look, SECONDS)[0].strip() == "moved"
    ]


def _show(old: str, new: str, data: Mapping[str, Any]) -> None:
    """What will happen, with what can be known beforehand."""
    site = Site.parse(data)
    output, _error = Server(old, data).run(LOOK.format(port=site.one_api_port), SECONDS)
    size, streams = ([int(line) for line in output.split() if line.isdigit()] + [0, 0])[:2]
    lines = (
        _("{old} → {new}: {domain}", old=old, new=new, domain=site.domain),
        _(
            "The database ({size} MiB) is copied while all serves, then compared once more while"
            " requests wait: some seconds, and about ten for each GiB.",
            size=size >> 20,
        ),
        _(
            "Open connections to One API: {count}. They end where they began.",
            count=streams,
        ),
        _("Then change the domain's record; the old server hands requests on until you have."),
    )
    for line in lines:
        click.echo(f"  {foreign.printable(line)}", err=True)


def _follow(
    old: str, data: Mapping[str, Any], new: str, settings: Mapping[str, Any], *, asks: bool
) -> bool:
    """Tell how it went, wait for DNS, and let the old server say its last word."""
    server = Server(old, data)
    output, error = server.run(shell("move-show"), SECONDS)
    try:
        moved = plain.read(Moved, output)
    except PlainError:
        click.secho(foreign.printable(error or output), fg="red", err=True)
        return False
    click.echo(_("Requests waited for {seconds} s.", seconds=moved.waited), err=True)
    for line in moved.told:
        words = _("Changed on both servers, look at it yourself: {line}", line=line)
        click.secho(foreign.printable(words), fg="yellow", err=True)
    own, _error = Server(new, settings).run(preflight.ADDRESSES, SECONDS)
    address = ssh.address(new, settings)
    left = (ssh.address(old, data), *Site.parse(data).public_addresses)
    site = moves.where_dns_leads(Site.parse(settings), left)
    proxies = _wait_for_dns(site, (address, *preflight.addresses(own)))
    if not _hand_on(proxies, address, asks=asks):
        return False
    output, error = server.run(shell("move-finish"), SECONDS)
    if error:
        click.secho(foreign.printable(error), fg="red", err=True)
        return False
    click.secho(
        _(
            "DNS leads to {new}. {old} may go: take it out of the inventory, and `moves_from` out"
            " of the other's settings, then `one-api-infra deploy`. Until it goes, it hands on"
            " what still comes.",
            new=new,
            old=old,
        ),
        fg="green",
        err=True,
    )
    return True


def _wait_for_dns(site: Site, addresses: tuple[str, ...]) -> list[str]:
    """Wait until the zone's servers and all resolvers lead to one of the new server's.

    The addresses of others to which they may lead: a CDN's, a balancer's.
    """
    known, told = targets.of_settings(site.public()), ""
    while problems := preflight.leads(site, names := dns.gather(known), addresses):
        words = "\n".join(map(str, problems))
        if words != told:
            text = _(
                "Now let {domain} lead to {address}.", domain=site.domain, address=addresses[0]
            )
            click.echo(foreign.printable(f"{text}\n{words}"), err=True)
        told = words
        time.sleep(PAUSE)
    found = {address for each in names.asked for address in each.addresses}
    return sorted(found - {*addresses, *site.public_addresses})


def _hand_on(proxies: list[str], address: str, *, asks: bool) -> bool:
    """Whether what stands before the domain hands on to the new server: only its owner knows."""
    if not proxies:
        return True
    text = _("DNS leads to {proxies}: let these hand on to {address} now.",
             proxies=", ".join(proxies), address=address)  # fmt: skip
    click.secho(foreign.printable(text), fg="yellow", err=True)
    if asks and click.confirm(_("Do they?"), err=True):
        return True
    text = _(
        "Then run the same command again, without `--yes`: the old server hands on until then."
    )
    click.echo(text, err=True)
    return False
