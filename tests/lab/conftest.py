"""The lab of the tests: fresh clones of a prepared site, gone afterwards even if killed."""

import os
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from one_api_infra.lab import epay
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.host import Host
from one_api_infra.lab.lab import Lab
from one_api_infra.lab.process import wait_until
from tests.lab import backups, journals, layers, ledgers
from tests.lab.backups import Elsewhere
from tests.lab.load import Load
from tests.lab.sites import LabSite

SYSTEMS = ("debian-12", "debian-13")


TURNS = 12  # long tests, and cases of long tables, come by turns
# Begun first: whose turn comes last would leave the other workers without work for minutes.
LARGEST = ("test_upgrade", "test_site", "test_server_checks", "test_done_hub")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``bin/test`` gives each commit its turn; without one all tests run."""
    parser.addoption("--turn", type=int, help="run every twelfth of the long tests, from this one")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is left out."""
    turn = config.getoption("--turn")
    if turn is None:
        return []
    return [f"long tests: turn {turn % TURNS + 1} of {TURNS}; bin/test --all runs all of them"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All of this folder needs the lab; of the long tests those run whose turn it is."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("lab")
    items.sort(key=lambda item: item.path.stem not in LARGEST)
    if (turn := config.getoption("--turn")) is None:
        return
    long = [item for item in items if item.get_closest_marker("long")]
    left_out = [item for number, item in enumerate(long) if (number - turn) % TURNS]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test keeps the journals of its hosts, which are gone after it."""
    report = yield
    found = getattr(item, "funcargs", {}).get("lab")
    if report.failed and isinstance(found, Lab):
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", item.nodeid.rpartition("/")[2])
        report.sections.extend(journals.keep(found, name))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """What a failed test leaves of its load would be the next one's."""
    for each in [*Load.begun]:
        each.end()


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab of this run's own, which dies with this process."""
    # Each worker of pytest-xdist ("gw0", "gw1") has a lab of its own.
    current = Lab("test" + os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw"))
    current.down()
    current.up(owner=os.getpid(), in_memory=True)
    yield current
    current.down()


def new_site(lab: Lab, name: str, system: str, domain: str, of: Path | None = None) -> LabSite:
    """A host and the settings of its site; nothing is deployed yet."""
    host = lab.create(name, system, of=of)
    lab.point(domain, host)
    settings = host.connection() | lab.settings() | {"domain": domain}
    return LabSite(lab, host, settings)


def packaged_site(lab: Lab, name: str, domain: str, system: str = "debian-13") -> LabSite:
    """A host that has all packages and the virtual environment already, and no site."""
    return new_site(lab, name, system, domain, of=layers.with_packages(lab, system))


@pytest.fixture(scope="session")
def prepared(lab: Lab) -> Callable[[str], Path]:
    """The layer of a host on which a site is deployed, made once for each system."""
    layers: dict[str, Path] = {}

    def layer(system: str) -> Path:
        if system not in layers:
            name, domain = f"base{system[-2:]}", f"site{system[-2:]}.lab.test"
            site = packaged_site(lab, name, domain, system)
            try:
                site.converge()
                site.host.ssh("sync")
                site.host.stop()
            except BaseException:  # else it would be in the way of the next test's try
                site.host.remove()
                raise
            layers[system] = site.host.directory / "upper"
        return layers[system]

    return layer


@pytest.fixture
def clone(lab: Lab, prepared: Callable[[str], Path]) -> Iterator[Callable[[str], LabSite]]:
    """Makes running copies of the prepared site."""
    made: list[Host] = []

    def make(system: str) -> LabSite:
        layer = prepared(system)
        site = new_site(
            lab, f"c{len(made)}x{system[-2:]}", system, f"site{system[-2:]}.lab.test", of=layer
        )
        made.append(site.host)
        wait_until(site.answers, 60, "the site")  # ssh is there before One API is
        return site

    yield make
    for host in made:
        host.remove()


@pytest.fixture
def site(clone: Callable[[str], LabSite]) -> LabSite:
    """A copy of the prepared site on Debian 13."""
    return clone("debian-13")


@pytest.fixture
def blank(lab: Lab) -> Iterator[Callable[[str], LabSite]]:
    """Makes blank hosts."""
    yield from _makes(lambda name, system: new_site(lab, f"b{name}", system, f"b{name}.lab.test"))


@pytest.fixture
def packaged(lab: Lab) -> Iterator[Callable[[str], LabSite]]:
    """Makes hosts that have all packages and the virtual environment already, and no site."""
    yield from _makes(
        lambda name, system: packaged_site(lab, f"p{name}", f"p{name}.lab.test", system)
    )


def _makes(site: Callable[[str, str], LabSite]) -> Iterator[Callable[[str], LabSite]]:
    made: list[LabSite] = []

    def make(system: str) -> LabSite:
        made.append(site(f"{len(made)}x{system[-2:]}", system))
        return made[-1]

    yield make
    for each in made:
        each.host.remove()


@pytest.fixture
def gateway(lab: Lab) -> Gateway:
    """A payment gateway that trusts the lab's CA alone."""
    return Gateway(lab.ca.issuer, epay.url(lab.network.service("gateway")))


@pytest.fixture
def elsewhere(blank: Callable[[str], LabSite], tmp_path: Path) -> Elsewhere:
    """Another host."""
    return Elsewhere(blank("debian-12").host, backups.key(tmp_path))


@pytest.fixture(scope="session")
def backed_layer(lab: Lab, prepared: Callable[[str], Path]) -> Path:
    """The layer of a site with a repository in a folder, and one backup."""
    site = new_site(lab, "backed", "debian-13", "site13.lab.test", of=prepared("debian-13"))
    site.inventory(**backups.settings(backups.FOLDER))
    site.converge()
    ledgers.run(site)
    backups.back_up(site)
    site.host.ssh("sync")
    site.host.stop()
    return site.host.directory / "upper"


@pytest.fixture
def backed(lab: Lab, backed_layer: Path) -> Iterator[LabSite]:
    """A copy of that site."""
    site = new_site(lab, "backed0", "debian-13", "site13.lab.test", of=backed_layer)
    site.inventory(**backups.settings(backups.FOLDER))
    yield site
    site.host.remove()
