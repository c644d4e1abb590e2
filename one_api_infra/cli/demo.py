"""``one-api-infra demo``: a blank host becomes a verified site, twice, in the lab."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from one_api_infra.cli import runner
from one_api_infra.desired.site import Site
from one_api_infra.lab.host import Host
from one_api_infra.lab.inventory import DEMO, hosts
from one_api_infra.lab.lab import Lab
from one_api_infra.remote import inventory
from one_api_infra.shared.texts import _

Result = TypeVar("Result")
NAME = "site"
COMMAND = ("pyinfra", "inventory.py", "deploys/site.py", "-y")


@click.command()
@click.option("--system", default="debian-13", show_default=True)
@click.option("--down", "take_down", is_flag=True, help="Remove every trace of the demo.")
def demo(system: str, take_down: bool) -> None:
    """Bring up a lab host, provision it, verify it, and show that a second run changes nothing."""
    lab = Lab(DEMO)
    if take_down:
        lab.down()
        click.echo(_("The demo is gone."))
        return
    host = _step(_("A blank {system} host", system=system), lambda: _host(lab, system))
    _step(" ".join(COMMAND), lambda: _pyinfra("-y"))
    _step("pytest tests/server", _verify)
    _step(_("The same command again"), _again)
    _summary(lab, host)


def _step(title: str, action: Callable[[], Result]) -> Result:
    click.secho(f"\n==> {title}", bold=True)
    started = time.monotonic()
    result = action()
    click.secho(f"    {time.monotonic() - started:.1f} s", dim=True)
    return result


def _host(lab: Lab, system: str) -> Host:
    lab.up()
    for host in lab.hosts():
        if host.name == NAME:
            host.remove()
    host = lab.create(NAME, system)
    lab.point(f"{NAME}.lab.test", host)
    settings = host.connection() | lab.settings() | {"domain": f"{NAME}.lab.test"}
    lab.write_inventory({NAME: settings})
    return host


def _pyinfra(*options: str) -> None:
    command = [sys.executable, "-m", "pyinfra", "inventory.py", "deploys/site.py", *options]
    if subprocess.run(command, cwd=runner.ROOT, env=_environment(), check=False).returncode:
        sys.exit(1)


def _environment() -> dict[str, str]:
    """This process' own, with the lab's inventory, whatever the admin has chosen for the day."""
    return os.environ | {inventory.VARIABLE: inventory.DEFAULT, "ONE_API_LAB": DEMO}


def _verify() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "tests/server"]
    if subprocess.run(command, cwd=runner.ROOT, env=_environment(), check=False).returncode:
        sys.exit(1)


def _again() -> None:
    os.environ.update(_environment())
    run = runner.run(runner.ROOT / "inventory.py", "site", "-y", quiet=True)
    click.echo("    " + ", ".join(f"{name}: {count}" for name, count in run.totals.items()))
    if run.code or run.totals.get("success", 0):
        sys.exit(1)


def _summary(lab: Lab, host: Host) -> None:
    site = Site.parse(dict(hosts(lab.name))[NAME])
    live = f"/etc/one-api-infra/letsencrypt/live/{site.domain}/fullchain.pem"
    certificate = host.ssh(f"openssl x509 -noout -issuer -enddate -in {live}").splitlines()
    reach = f"--cacert {lab.ca.issuer} --resolve {site.domain}:443:{host.address}"
    artifact = site.artifact or ""
    callback = site.edition.callback_routes[0].path.split()[-1]
    rows = {
        _("Site"): site.origin,
        _("Open it from here"): f"curl {reach} {site.origin}/api/status",
        _("Certificate"): ", ".join(certificate),
        _("Callback URL"): f"{site.callback_origin}{callback}…",
        _("One API"): artifact,
        _("Log in"): f"{Path(sys.argv[0]).absolute()} lab ssh site",
        _("Remove"): "bin/demo --down",
        _("A real server"): "cp inventory/production.example.py inventory/production.py",
    }
    click.secho("\n" + _("The site is verified."), fg="green", bold=True)
    width = max(map(len, rows))
    for name, value in rows.items():
        click.echo(f"  {name:<{width}}  {value}")
    if artifact == str(lab.stand_in):
        text = _("This is the stand-in, NOT One API; ONE_API_BINARY=/path uses the real one.")
        click.secho("  " + text, fg="yellow")
