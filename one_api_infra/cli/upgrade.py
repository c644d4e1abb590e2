"""``one-api-infra upgrade``: another release of One API, watched, and back if it is worse."""

import re
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import click
import requests

from one_api_infra.cli import runner
from one_api_infra.cli.deploy import INVENTORY, LIMIT, next_step, planned, show_plan
from one_api_infra.cli.servers import SECONDS, servers, shell
from one_api_infra.desired import parsers
from one_api_infra.remote import inventory as inventories
from one_api_infra.remote.ssh import Server
from one_api_infra.shared import editions, foreign, paths
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem, ValidationError

NEWEST_SECONDS = 5.0
WATCH_SECONDS = 60
UNREACHABLE = 255  # ssh's own exit code
RELEASE = f"readlink {paths.CURRENT}"


class Outcome(Enum):
    """What became of a host's new release."""

    GOOD = "good"
    BACK = "back"
    STUCK = "stuck"
    UNKNOWN = "unknown"


@click.command()
@INVENTORY
@click.argument("version", required=False)
@LIMIT
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option(
    "--watch", type=click.IntRange(0, 3600), default=WATCH_SECONDS, show_default=True,
    help="Seconds for which the new release is watched.",
)  # fmt: skip
def upgrade(  # noqa: PLR0913, PLR0917  # one an option
    inventory: Path, version: str | None, limit: str | None, yes: bool, dry_run: bool, watch: int
) -> None:
    """Let the hosts of INVENTORY serve with the release VERSION (default: as INVENTORY says).

    It is watched for a minute, and taken back where it serves worse than the one before."""
    if version is None and re.fullmatch(r"v?\d[\w.+-]*", str(inventory)):
        inventory, version = runner.INVENTORY, str(inventory)
    wanted = parsers.version(version, "VERSION") if version else None
    before = _show(inventory, wanted, limit)
    options = ("--data", f"version={wanted}") if wanted else ()
    plan = planned(inventory, limit, *options)
    show_plan(plan, list(before))
    if dry_run or not plan.changes:
        return
    if not (yes or click.confirm(_("Upgrade?"), err=True)):
        sys.exit(1)
    done = runner.run(inventory, "site", "-y", *options, limit=limit)
    changed = {
        name: (server, now)
        for name, server in servers(inventory, limit)
        if before[name] and (now := _release(server)) not in {"", before[name]}
    }
    if done.code == runner.INTERRUPTED or (done.code and not changed):
        next_step(done, inventory)
        sys.exit(done.code)
    ends = {
        name: _watched(name, server, watch, release, has_failed=done.has_failed(name))
        for name, (server, release) in changed.items()
    }
    _end(inventory, wanted, ends, done.code)


def _show(inventory: Path, wanted: str | None, limit: str | None) -> Mapping[str, str]:
    """What serves on each host, and what will; the release that serves, by the host's name."""
    chosen, found = runner.hosts(inventory, limit), dict[str, str]()
    data = {name: each for name, each in inventories.read(inventory) if name in chosen}
    for each in data.values():
        _refuse_artifact(inventory, each, wanted)
    for name, server in servers(inventory, limit):
        click.secho(name, bold=True, err=True)
        output, error = server.run(shell("upgrade-plan"), SECONDS)
        click.echo(foreign.printable(error or output).rstrip(), err=True)
        click.echo(_becomes(data[name], wanted), err=True)
        found[name] = _release(server)
    return found


def _refuse_artifact(inventory: Path, data: Mapping[str, Any], wanted: str | None) -> None:
    if wanted and data.get("artifact"):
        expected = _("no VERSION, where {path} names an executable of its own", path=inventory)
        raise ValidationError([Problem("artifact", expected, _("leave one of the two out"))])


def _becomes(data: Mapping[str, Any], wanted: str | None) -> str:
    edition = editions.get(data.get("edition") or "one-hub")
    target = wanted or data.get("artifact") or data.get("version") or edition.version
    newest = _newest(edition.repository) or _("not known from here")
    return _("will serve: {version}; the newest of {edition}: {newest}", version=target,
             edition=edition.title, newest=newest)  # fmt: skip


def _newest(repository: str) -> str:
    """The tag of the newest release, by where its page leads; empty if it cannot be asked."""
    page = f"https://github.com/{repository}/releases/latest"
    try:
        reply = requests.head(page, timeout=NEWEST_SECONDS, allow_redirects=False)
    except requests.RequestException:
        return ""
    tag = reply.headers.get("Location", "").rpartition("/tag/")[2]
    return foreign.line(tag, 40)


def _release(server: Server) -> str:
    return server.run(RELEASE, SECONDS)[0].strip()


def _watched(name: str, server: Server, seconds: int, release: str, *, has_failed: bool) -> Outcome:
    """What came of a host's new release; taken back where it does not hold."""
    click.secho(name, bold=True, err=True)
    watched = server.show(shell(f"upgrade-watch {seconds}")) if seconds else 0
    if watched == UNREACHABLE:
        return Outcome.UNKNOWN
    if not (has_failed or watched):
        return Outcome.GOOD
    click.secho(_("Back to the release before."), fg="yellow", err=True)
    if not server.show(shell(f"rollback {Path(release).name}")):
        return Outcome.BACK
    text = _("It did not go back: mend what the lines above name, then `one-api-infra rollback`.")
    click.secho(text, fg="red", err=True)
    return Outcome.STUCK


def _end(inventory: Path, wanted: str | None, ends: Mapping[str, Outcome], code: int) -> None:
    """Say what to do now."""
    told = {each: ", ".join(n for n, end in ends.items() if end is each) for each in Outcome}
    if names := told[Outcome.UNKNOWN]:
        text = _(
            "{names}: ssh broke, so that nobody knows how the new release does. Next:"
            " `one-api-infra status {path}`; `one-api-infra rollback {path}` if it does worse.",
            names=names,
            path=inventory,
        )
        click.secho(text, fg="red", err=True)
    if names := told[Outcome.BACK]:
        text = _(
            "{names}: the release before serves. Next: let {path} name it too, else the next"
            " deploy upgrades again.",
            names=names,
            path=inventory,
        )
        click.secho(text, fg="red", err=True)
    if code or set(ends.values()) - {Outcome.GOOD}:
        sys.exit(1)
    if wanted:
        text = _(
            'Done. Next: set "version": "{version}" in {path}, else the next deploy goes back.',
            version=wanted,
            path=inventory,
        )
    else:
        text = _("Done. Next: `one-api-infra verify {path}`.", path=inventory)
    click.secho(text, fg="green", err=True)
