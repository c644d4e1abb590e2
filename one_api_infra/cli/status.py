"""``one-api-infra status``: every check over all levels, and the remedy of what fails."""

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from one_api_infra.checks import catalogue, remedy, target
from one_api_infra.checks.observation import Target
from one_api_infra.checks.observers.gather import gather, nobody
from one_api_infra.checks.verdict import LEVELS, State, Verdict
from one_api_infra.cli import fixing, runner
from one_api_infra.cli.deploy import INVENTORY, LIMIT
from one_api_infra.cli.move import has_left
from one_api_infra.desired.domain import Domain
from one_api_infra.remote import inventory as inventories
from one_api_infra.shared.texts import N_, _

STYLES = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.FAILED: "bold red",
    State.SKIPPED: "dim",
}
STATES = {
    State.OK: N_("ok"),
    State.WARNING: N_("warning"),
    State.FAILED: N_("failed"),
    State.SKIPPED: N_("skipped"),
}
Verdicts = Sequence[Verdict]


@click.command()
@INVENTORY
@LIMIT
@click.option("--domain", help="Any site, seen from outside; no inventory is read.")
@click.option("--resolver", "resolvers", multiple=True, help="Ask these DNS servers (--domain).")
@click.option("--ca-file", type=click.Path(exists=True), help="A private root (--domain).")
@click.option("--language", type=click.Choice(["en", "zh_CN"]), help="Default: by the locale.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
@click.option("--fix", is_flag=True, help="Offer to carry out what only repairs, one by one.")
@click.option("--all", "show_all", is_flag=True, help="Show what was skipped too.")
def status(  # noqa: PLR0913, PLR0917  # one an option
    inventory: Path,
    limit: str | None,
    domain: str | None,
    resolvers: tuple[str, ...],
    ca_file: str | None,
    language: str | None,
    as_json: bool,
    fix: bool,
    show_all: bool,
) -> None:
    """Check the whole way of a payment callback, for the hosts of INVENTORY or for a domain.

    Exit code: 0 if all is well, 1 with warnings alone, 2 if a check fails.
    """
    if language:
        os.environ["ONE_API_INFRA_LANGUAGE"] = language
    if domain:
        # The lab's names are taken too: this looks, and changes nothing.
        known = target.of_domain(Domain.parse(domain, "--domain", lab=True), resolvers, ca_file)
        found = {domain: _domain(known)}
    else:
        found = _inventory(inventory, limit)
        if fix:
            found = {name: fixing.fix(name, inventory, found[name]) for name in found}
    if as_json:
        plain = {name: [each.plain() for each in verdicts] for name, verdicts in found.items()}
        click.echo(json.dumps(plain, indent=1, ensure_ascii=False))
    else:
        for name, verdicts in found.items():
            _print(name, verdicts, show_all=show_all)
    sys.exit(max((exit_code(verdicts) for verdicts in found.values()), default=0))


def exit_code(verdicts: Verdicts) -> int:
    """0 all is well, 1 warnings, 2 failures."""
    states = {each.state for each in verdicts}
    return 2 if State.FAILED in states else int(State.WARNING in states)


def _domain(known: Target) -> Verdicts:
    return catalogue.judge(gather(known, nobody))


def _inventory(path: Path, limit: str | None) -> dict[str, Verdicts]:
    names = runner.hosts(path, limit)
    everything = inventories.read(path)
    hosts = {name: data for name, data in everything if name in names}
    for name in has_left(everything, hosts):
        text = _("{name}: its site has moved; it hands on what still comes.", name=name)
        click.echo(text, err=True)
        del hosts[name]
    with ThreadPoolExecutor(max_workers=8) as pool:
        looks = pool.map(lambda name: fixing.judged(name, hosts[name], path), hosts)
        return dict(zip(hosts, looks, strict=True))


def _print(name: str, verdicts: Verdicts, *, show_all: bool) -> None:
    console = Console(highlight=False, emoji=False)  # else "::b:443" of an address is a picture
    table = Table(title=name, title_justify="left", show_edge=False, pad_edge=False)
    for title in (_("level"), _("check"), _("state"), _("cause and remedy")):
        table.add_column(title, overflow="fold")
    for each in verdicts:
        if each.state is State.SKIPPED and not show_all:
            continue
        style = STYLES[each.state]
        state = f"[{style}]{_(STATES[each.state])}[/]"
        table.add_row(_(LEVELS[each.level]), each.id, state, words(each))
    console.print(table)
    console.print(escape(summary(verdicts)), soft_wrap=True)  # its command is pasted


def words(verdict: Verdict) -> str:
    """What the last column says, without the markup that evidence could hold."""
    lines = [verdict.cause]
    lines += [remedy.title(verdict.remedy)] if verdict.remedy else []
    lines += [_("Seen: {evidence}", evidence=verdict.evidence)] if verdict.evidence else []
    return escape("\n".join(lines))


def summary(verdicts: Verdicts) -> str:
    """One line: the counts, and what to do next."""
    counts = {state: sum(each.state is state for each in verdicts) for state in State}
    shown = ", ".join(f"{_(STATES[state])} {count}" for state, count in counts.items())
    first = next((each for each in verdicts if each.state is State.FAILED), None)
    if first is None:
        return shown
    return f"{shown}\n" + _("Begin with {id}: {remedy}", id=first.id, remedy=first.remedy)
