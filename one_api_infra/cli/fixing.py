"""``one-api-infra status --fix``: what only repairs is carried out, each after a question."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from one_api_infra.checks import catalogue, remedy
from one_api_infra.checks.remedy import Place
from one_api_infra.checks.verdict import State, Verdict
from one_api_infra.cli import runner
from one_api_infra.remote import inventory as inventories
from one_api_infra.remote.ssh import Server
from one_api_infra.remote.status import observe
from one_api_infra.shared.texts import _

SECONDS = 300.0  # for a command on the server
Verdicts = Sequence[Verdict]


def judged(name: str, data: Mapping[str, Any], path: Path) -> Verdicts:
    """One look at a host."""
    return catalogue.judge(observe(name, data, inventories.shown(path)))


def fix(name: str, path: Path, found: Verdicts) -> Verdicts:
    """Offer each remedy in the order of the checks; returns the last look's verdicts."""
    data = dict(inventories.read(path))[name]
    server = Server(name, data)
    return one_by_one(
        found,
        lambda verdict: _carry_out(server, name, path, verdict),
        lambda: judged(name, data, path),
    )


def one_by_one(
    found: Verdicts, carry_out: Callable[[Verdict], bool], look: Callable[[], Verdicts]
) -> Verdicts:
    """Try each fault once, in the order of the checks; look again after each repair."""
    tried: set[str] = set()
    while each := next((one for one in found if _is_open(one) and one.id not in tried), None):
        tried.add(each.id)
        if carry_out(each):
            found = look()
    return found


def _is_open(verdict: Verdict) -> bool:
    return verdict.state in {State.FAILED, State.WARNING}


def _carry_out(server: Server, name: str, path: Path, verdict: Verdict) -> bool:
    """Whether something was done about a fault."""
    click.secho(f"{name}: {verdict.id}: {verdict.cause}", bold=True, err=True)
    commands = remedy.commands(verdict.remedy)
    if not commands or not all(map(remedy.is_repair, commands)):
        click.echo(_("This one is for you: {remedy}", remedy=verdict.remedy), err=True)
        return False
    for command in commands:
        click.echo(f"  {command}", err=True)
    if not click.confirm(_("Carry it out?"), default=True, err=True):
        return False
    return all(_run(server, name, path, command) for command in commands)


def _run(server: Server, name: str, path: Path, command: str) -> bool:
    if remedy.place(command) is Place.SERVER:
        output, error = server.run(command, SECONDS)
        click.echo(error or output, err=True)
        return not error
    whole = [*runner.pyinfra(path, remedy.deploy(command)), "-y", "--limit", name]
    return subprocess.run(whole, cwd=runner.folder(), check=False).returncode == 0
