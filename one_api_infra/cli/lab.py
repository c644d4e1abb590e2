"""``one-api-infra lab``: disposable hosts."""

import os
import subprocess
import sys
import time
from pathlib import Path

import click

from one_api_infra.desired.systems import SYSTEMS
from one_api_infra.lab import lab as labs
from one_api_infra.lab.errors import LabError
from one_api_infra.lab.inventory import DEMO, hosts
from one_api_infra.lab.lab import Lab
from one_api_infra.shared.texts import _


@click.group()
def lab() -> None:
    """Disposable real hosts, with a CA, DNS and payment gateways beside them."""
    if os.geteuid():
        command = f"sudo {Path(sys.argv[0]).absolute()} {' '.join(sys.argv[1:])}"
        raise LabError(_("a lab needs root: `{command}`", command=command))


@lab.command()
@click.argument("name", default="site")
@click.option("--system", type=click.Choice(list(SYSTEMS)), default="debian-13", show_default=True)
@click.option("--edition", default="one-hub", show_default=True)
@click.option("--lab", "lab_name", default=DEMO, show_default=True)
def up(name: str, system: str, edition: str, lab_name: str) -> None:
    """Bring up the lab and a blank host called NAME (default: site)."""
    current = Lab(lab_name)
    current.up()
    started = time.monotonic()
    host = current.create(name, system)
    domain = f"{name}.lab.test"
    current.point(domain, host)
    settings = host.connection() | current.settings() | {"domain": domain, "edition": edition}
    current.write_inventory(dict(hosts(current.name)) | {name: settings})
    seconds = time.monotonic() - started
    click.echo(
        _(
            "{name}: {system} at {address}, up in {seconds:.1f} s",
            name=name,
            system=system,
            address=host.address,
            seconds=seconds,
        )
    )
    click.echo(_("Next: `pyinfra inventory.py deploys/site.py`"))


@lab.command("list")
def show() -> None:
    """List the hosts of all labs."""
    for each in labs.labs():
        for host in each.hosts():
            state = _("up") if host.is_up else _("down")
            click.echo(f"{each.name}\t{host.name}\t{host.address}\t{host.address6}\t{state}")


@lab.command()
@click.argument("name", default="site")
@click.argument("command", nargs=-1)
@click.option("--lab", "lab_name", default=DEMO, show_default=True)
def ssh(name: str, command: tuple[str, ...], lab_name: str) -> None:
    """Log in to the host NAME, or run COMMAND there."""
    line = [*Lab(lab_name).host(name).ssh_command(), *command]
    sys.exit(subprocess.run(line, check=False, env=os.environ).returncode)


@lab.command()
@click.option("--lab", "lab_name", default=DEMO, show_default=True)
def down(lab_name: str) -> None:
    """Remove the lab with all its hosts; the built images stay."""
    Lab(lab_name).down()
    click.echo(_("The lab is gone; `one-api-infra lab clean` removes the images too."))


@lab.command()
def clean() -> None:
    """Remove all labs and images: every trace."""
    labs.clean()
    click.echo(_("Nothing of the lab is left on this machine."))
