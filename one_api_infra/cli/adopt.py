"""``one-api-infra adopt``: a One API that was set up by hand becomes a site, and the way back."""

import json
import shlex
import sys
from pathlib import Path

import click

from one_api_infra.cli import runner
from one_api_infra.cli.deploy import INVENTORY, LIMIT, next_step
from one_api_infra.cli.servers import servers, shell
from one_api_infra.desired.site import Site
from one_api_infra.remote.ssh import Server
from one_api_infra.server import adoption_look
from one_api_infra.shared import adoption, foreign, paths
from one_api_infra.shared.adoption import Seen
from one_api_infra.shared.texts import _

SECONDS = 60.0
BEGUN = f"ls -d {paths.ADOPTING} {paths.ADOPTED} 2>/dev/null || true"


@click.command()
@INVENTORY
@LIMIT
@click.option("--back", is_flag=True, help="Stop the site, and start what was there before.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def adopt(inventory: Path, limit: str | None, back: bool, yes: bool) -> None:
    """Let the One API that runs on the hosts of INVENTORY, set up by hand, become the site.

    It shows what was found and what it would do, and asks. The old one is stopped and stays
    whole: `--back` starts it again."""
    if back:
        _back(inventory, limit, yes=yes)
        return
    for name, server in servers(inventory, limit):
        click.secho(name, bold=True, err=True)
        if server.run(BEGUN, SECONDS)[0].strip():
            text = _("was adopted already, or is in the middle of it: it goes on")
            click.echo(f"  {text}", err=True)
        else:
            _show(*_looked(server), str(Site.parse(server.data).domain))
    if not (yes or click.confirm(_("Adopt it?"), err=True)):
        sys.exit(1)
    done = runner.run(inventory, "adopt", "-y", limit=limit)
    next_step(done, inventory)
    if done.code == 0:
        text = _("The old one is stopped, and whole: `one-api-infra adopt {path} --back`"
                 " starts it again.", path=inventory)  # fmt: skip
        click.echo(text, err=True)
    sys.exit(done.code)


def _looked(server: Server) -> tuple[list[Seen], list[str]]:
    """What runs there, and why it is not adopted, if so."""
    script = Path(adoption_look.__file__).read_text()
    output, error = server.run(f"python3 -c {shlex.quote(script)}", SECONDS)
    if error:
        click.secho(foreign.printable(error), fg="red", err=True)
        sys.exit(1)
    found = [each for each in map(adoption.read, json.loads(output)) if each.port]
    site = Site.parse(server.data)
    url = site.database_url.reveal() if site.database_url else ""
    wanted = (site.edition.name, site.version or "", url, str(site.domain), dict(site.environment))
    return found, [words for each in found for words in adoption.refusals(each, *wanted)]


def _show(found: list[Seen], refusals: list[str], domain: str) -> None:
    for each in found:
        for line in adoption.told(each, domain):
            click.echo(f"  {foreign.printable(line)}", err=True)
    if len(found) != 1:
        refusals = [*refusals, _("expected one One API that runs there; found: {n}", n=len(found))]
    for words in refusals:
        click.secho(f"  {foreign.printable(words)}", fg="red", err=True)
    if refusals:
        sys.exit(1)


def _back(inventory: Path, limit: str | None, *, yes: bool) -> None:
    question = _("Stop the site and start what was there before? What was paid since stays here.")
    if not yes:
        click.confirm(question, abort=True, err=True)
    failed = [name for name, server in servers(inventory, limit)
              if server.show(shell("adopt-back"))]  # fmt: skip
    sys.exit(int(bool(failed)))
