"""Verification of a real server, from the inventory that built it.

``pytest tests/server --inventory inventory/production.py``; with ``--nagios`` as a monitor.
Every check looks at the server or at the wire; none reads the templates.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from one_api_infra import inventory, ssh
from one_api_infra.outside import Outside
from one_api_infra.problems import InvalidError
from one_api_infra.site import Site

ROOT = Path(__file__).parents[2]
HOSTS = pytest.StashKey[dict[str, dict[str, Any]]]()
FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--inventory`` names the file; the default is the one at the top."""
    parser.addoption("--inventory", type=Path, default=ROOT / "inventory.py")
    parser.addoption("--limit", default=None, help="only this host")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give testinfra the inventory's hosts, over one ssh connection each."""
    try:
        hosts = dict(inventory.read(config.getoption("--inventory")))
    except (InvalidError, OSError) as error:
        raise pytest.UsageError(str(error)) from None
    limit = config.getoption("--limit")
    chosen = {name: data for name, data in hosts.items() if limit in {None, name}}
    if not chosen:
        raise pytest.UsageError(f"{config.getoption('--inventory')}: no such host: {limit}")
    config.stash[HOSTS] = chosen
    config.stash[FOLDER] = tempfile.TemporaryDirectory(prefix="one-api-infra-")
    folder = Path(config.stash[FOLDER].name)
    configuration = folder / "ssh_config"
    configuration.write_text(
        "\n".join(ssh.stanza(name, data, folder) for name, data in chosen.items())
    )
    config.option.hosts = ",".join(
        f"ssh://{name}?ssh_config={configuration}&sudo={bool(data.get('_sudo'))}"
        for name, data in chosen.items()
    )


@pytest.fixture(scope="module")
def data(request: pytest.FixtureRequest, host: Host) -> dict[str, Any]:
    """The host's inventory data: the very values that the deploy used."""
    name = host.backend.get_hostname()
    return request.config.stash[HOSTS][name]


@pytest.fixture(scope="module")
def site(data: dict[str, Any]) -> Site:
    """The host's site."""
    return Site.parse(data)


@pytest.fixture(scope="module")
def outside(site: Site) -> Outside:
    """The site seen from here over IPv4."""
    return Outside(site)


@pytest.fixture(scope="module")
def outside6(site: Site) -> Iterator[Outside]:
    """The site seen from here over IPv6, if its domain has an AAAA record."""
    way = Outside(site, family=6)
    if not way.address:
        pytest.skip(f"{site.domain} has no AAAA record")
    yield way
