"""``one-api-infra verify``: the testinfra suite against the servers of an inventory."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from one_api_infra.checks import remedy
from one_api_infra.cli import runner
from one_api_infra.cli.deploy import INVENTORY, LIMIT
from one_api_infra.desired import project
from one_api_infra.remote import connections
from one_api_infra.remote import inventory as inventories
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import ValidationError

# The suite's own folder is the root: whatever the reader's folder holds is none of it.
# Of pytest's plugins only those that the suite uses: to load the others takes half a second.
PLUGINS = ("no:cacheprovider", "testinfra.plugin", "pytest_timeout")
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
UNKNOWN = 3  # as Nagios calls it
OPTIONS = ("-o", "addopts=-ra --import-mode=importlib", "-o", "timeout=900")


@click.command()
@INVENTORY
@LIMIT
@click.option("--junit-xml", type=click.Path(path_type=Path), help="Write JUnit's XML there.")
@click.option("--nagios", is_flag=True, help="One line, and exit codes as Nagios knows them.")
def verify(inventory: Path, limit: str | None, junit_xml: Path | None, nagios: bool) -> None:
    """Verify the servers of INVENTORY: every test asks the server or looks at the wire."""
    try:
        names = runner.hosts(inventory, limit)
        hosts = {name: data for name, data in inventories.read(inventory) if name in names}
        inventories.judge(list(hosts.items()))
        made = connections.of(hosts)
    except ValidationError as error:
        if not nagios:
            raise
        words = "; ".join(f"{each.path}: {each.expected}" for each in error.problems)
        click.echo(f"TESTINFRA UNKNOWN - {words}")
        sys.exit(UNKNOWN)
    except SystemExit:  # the chosen environment's inventory, which has told why
        sys.exit(UNKNOWN if nagios else runner.REFUSED)
    plugins = [name for name in PLUGINS if name != "pytest_timeout" or find_spec(name)]
    command = ["-q", *(part for name in plugins for part in ("-p", name))]
    command += [f"--rootdir={project.ROOT}", f"-opythonpath={project.ROOT}", *OPTIONS]
    command += [str(project.ROOT / "tests" / "server"), f"--inventory={inventory.resolve()}"]
    command += [f"--limit={limit}"] if limit else []
    command += [f"--junit-xml={junit_xml.resolve()}"] if junit_xml else []
    command += ["--nagios"] if nagios else []
    made.begin()  # while pytest is imported and the tests are collected
    os.environ.update(ALONE)
    import pytest  # noqa: PLC0415  # no other command needs it

    code = int(pytest.main(command))
    if not (code or nagios):
        text = _("Verified. Next: add a gateway in One API's page, and `one-api-infra status`.")
        click.secho(remedy.named(text, inventories.shown(inventory)), fg="green", err=True)
    sys.exit(code)
