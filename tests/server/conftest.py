"""Verification of a real server, from the inventory that built it.

``pytest tests/server --inventory inventory/production.py``; with ``--nagios`` as a monitor.
Every check looks at the server or at the wire; none reads the templates.
"""

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.backend import BACKENDS
from testinfra.backend.base import BaseBackend
from testinfra.host import Host

from one_api_infra.checks import catalogue
from one_api_infra.checks.verdict import Verdict
from one_api_infra.desired.site import Site
from one_api_infra.remote import connections, inventory, ssh
from one_api_infra.remote.probe_client import ProbeClient
from one_api_infra.shared.validation import ValidationError
from tests.server import slow
from tests.server.foreseen import FEW, Ssh
from tests.server.slow import Ports
from tests.server.wire import Wire

ROOT = Path(__file__).parents[2]
KNOWN = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
UNKNOWN = 3  # as Nagios calls it
HOSTS = pytest.StashKey[dict[str, dict[str, Any]]]()
SLOW = pytest.StashKey[dict[tuple[str, str], Future[Any]]]()
WIRES = pytest.StashKey[dict[str, Future[Wire]]]()
FIRST = "test_ssh_answers"
SLOW_LOOKS = (slow.verdicts, slow.open_ports)
ASKPASS = pytest.StashKey[Mapping[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--inventory`` names the file; the default is the one at the top."""
    parser.addoption("--inventory", type=Path, default=ROOT / "inventory.py")
    parser.addoption("--limit", default=None, help="only hosts whose name matches")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give testinfra the inventory's hosts, over one ssh connection each."""
    try:
        hosts = dict(inventory.read(config.getoption("--inventory")))
    except (ValidationError, OSError) as error:
        raise pytest.UsageError(str(error)) from None
    limit = config.getoption("--limit")
    chosen = {name: data for name, data in hosts.items() if fnmatch(name, limit or "*")}
    for data in chosen.values():
        try:
            Site.parse(data)
        except ValidationError as error:
            raise pytest.UsageError(str(error)) from None
    if not chosen:
        raise pytest.UsageError(f"{config.getoption('--inventory')}: no such host: {limit}")
    config.stash[HOSTS] = chosen
    Ssh.connections = connections.of(chosen)
    configuration = Ssh.connections.configuration
    config.option.hosts = ",".join(
        f"ssh://{_bracketed(name)}?ssh_config={configuration}&sudo={bool(data.get('_sudo'))}"
        for name, data in chosen.items()
    )
    if not config.option.collectonly:
        Ssh.connections.begin()
    config.stash[ASKPASS] = {name: ssh.Server(name, data).make_askpass()
                             for name, data in chosen.items()}  # fmt: skip
    _let_sudo_ask(config.stash[ASKPASS])
    BACKENDS["ssh"] = f"{Ssh.__module__}.{Ssh.__name__}"


def _bracketed(name: str) -> str:
    """A host's name as it stands in a URL."""
    return f"[{name}]" if ":" in name else name


def _let_sudo_ask(programs: Mapping[str, str]) -> None:
    """testinfra's sudo knows no password; with a program that tells it, it needs none."""
    plain = BaseBackend.get_sudo_command

    def with_password(self: BaseBackend, command: str, sudo_user: str | None) -> str:
        found = str(plain(self, command, sudo_user))
        program = programs.get(self.get_hostname())
        return found.replace("sudo ", f"SUDO_ASKPASS={program} sudo -A ", 1) if program else found

    BaseBackend.get_sudo_command = with_password


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Iterator[None]:
    """Let Nagios hear that nothing is known where nothing was asked: its reporter calls that OK."""
    yield
    told = session.config.pluginmanager.getplugin("nagiosreporter")
    if told and (exitstatus not in KNOWN or not (told.passed or told.failed)):
        session.exitstatus = UNKNOWN


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no password on a server; and, if asked for, what was not foreseen."""
    if path := os.environ.get("ONE_API_INFRA_ASKED"):
        Path(path).write_text(json.dumps(Ssh.asked))
    for name, program in config.stash.get(ASKPASS, {}).items():
        if program:
            ssh.Server(name, config.stash[HOSTS][name]).remove_askpass(program)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """The quick tests first: what takes seconds is seen by the time that they are done."""
    looks = {look.__name__ for look in SLOW_LOOKS}
    items.sort(
        key=lambda item: (item.name.split("[")[0] != FIRST, bool(looks & {*_fixtures(item)}))
    )
    if not config.option.collectonly:
        _begin(session, items)
        _leave_out_away(config, items)


def _begin(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Begin what takes seconds, if a test wants it."""
    wanted = {name for item in items for name in _fixtures(item)}
    pool = ThreadPoolExecutor(thread_name_prefix="slow")
    many = len(items) >= FEW
    if many:
        for spec, (name, data) in _hosts(session.config):
            Ssh.answers[name] = pool.submit(testinfra.get_host(spec).backend.ask, Site.parse(data))
    session.config.stash[WIRES] = {
        name: pool.submit(_wire, name, data, foresee=many)
        for _spec, (name, data) in _hosts(session.config)
        if "outside" in wanted
    }
    session.config.stash[SLOW] = {
        (look.__name__, name): pool.submit(look, testinfra.get_host(spec), data)
        for look in SLOW_LOOKS
        if look.__name__ in wanted
        for spec, (name, data) in _hosts(session.config)
    }
    pool.shutdown(wait=False)


def _leave_out_away(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A host that cannot be asked fails once, and says why: not two hundred times."""
    away = {name for name in config.stash[HOSTS] if Ssh.away(name)}
    first = {_host(item): item for item in reversed(items)}
    left_out = [item for item in items if _host(item) in away and item is not first[_host(item)]]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _host(item: pytest.Item) -> str:
    """The name of the host that a test asks."""
    host: Host = item.callspec.params["_testinfra_host"]  # type: ignore[attr-defined]
    return str(host.backend.get_hostname())


def _wire(name: str, data: Mapping[str, Any], *, foresee: bool) -> Wire:
    wire = Wire(Site.parse(data), direct=ssh.address(name, data))
    if foresee:
        wire.foresee()
    return wire


def _hosts(config: pytest.Config) -> Iterator[tuple[str, tuple[str, dict[str, Any]]]]:
    """testinfra's name of each host, with our own and its data."""
    return zip(config.option.hosts.split(","), config.stash[HOSTS].items(), strict=True)


def _fixtures(item: pytest.Item) -> list[str]:
    return list(getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True)
def _ssh(host: Host) -> None:
    """Stops a test of a host that is away."""
    if reason := Ssh.away(name := host.backend.get_hostname()):
        found = catalogue.problem("system.agent", "unreachable", error=f"{name}: {reason}")
        pytest.fail(str(found), pytrace=False)


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest, host: Host) -> dict[str, Verdict]:
    """The checks' verdicts."""
    return dict(request.config.stash[SLOW]["verdicts", host.backend.get_hostname()].result())


@pytest.fixture(scope="module")
def open_ports(request: pytest.FixtureRequest, host: Host) -> Ports:
    """The ports that answer from here."""
    found: Ports = request.config.stash[SLOW]["open_ports", host.backend.get_hostname()].result()
    return found


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
def needs_port_80(site: Site) -> None:
    """Skips where the CA asks DNS: port 80 may be closed before the server."""
    if site.acme_challenge == "dns-01":
        pytest.skip("nobody needs port 80: the names are proved by DNS (dns-01)")


@pytest.fixture(scope="module")
def outside(request: pytest.FixtureRequest, host: Host) -> Wire:
    """The site seen from here over IPv4."""
    return request.config.stash[WIRES][host.backend.get_hostname()].result()


@pytest.fixture(scope="module")
def outside6(site: Site) -> Iterator[ProbeClient]:
    """The site seen from here over IPv6, if its domain has an AAAA record."""
    way = ProbeClient(site, family=6)
    if not way.address:
        pytest.skip(f"{site.domain} has no AAAA record")
    yield way
