"""Trying a fault: put in, named first by its own check, mended by its own remedy, green again."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from one_api_infra.checks import catalogue, remedy
from one_api_infra.checks.observers import dns, network
from one_api_infra.checks.remedy import Place
from one_api_infra.checks.verdict import State, Verdict
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.lab import Lab
from one_api_infra.remote import status
from tests.lab.conftest import new_site
from tests.lab.faults.fault import Act, Fault
from tests.lab.payments import add_payment
from tests.lab.sites import LabSite

SYSTEM = "debian-13"
SEEN = {State.FAILED, State.WARNING}


@dataclass
class FaultySite(LabSite):
    """A copy of the prepared site, with a payment row, for all faults of a table."""

    layer: Path = Path()

    def fill(self) -> None:
        """A payment row, and a first run of the monitor."""
        add_payment(self, Gateway(self.lab.ca.issuer))
        self.host.ssh("systemctl start one-api-monitor")

    def rebuild(self) -> None:
        """The host anew, when a fault could not be taken back."""
        name = self.host.name
        self.host.remove()
        self.host = self.lab.create(name, SYSTEM, of=self.layer)
        self.lab.point(self.domain, self.host)
        self.settings |= self.host.connection()
        self.fill()


def faulty_site(prepared: Callable[[str], Path], lab: Lab, name: str) -> Iterator[FaultySite]:
    """The site, gone afterwards."""
    # What is filtered is known at once where the way is short: 1.5 s for each look otherwise.
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(network, "CLOSED_SECONDS", 0.3)
    layer = prepared(SYSTEM)
    plain = new_site(lab, name, SYSTEM, "site13.lab.test", of=layer)
    site = FaultySite(plain.lab, plain.host, plain.settings, layer=layer)
    site.fill()
    yield site
    monkeypatch.undo()
    site.host.remove()


def judged(site: LabSite) -> Sequence[Verdict]:
    """One look, as ``one-api-infra status`` takes it."""
    dns._of_zones.cache_clear()  # each ``status`` is a process of its own
    return catalogue.judge(status.observe(site.host.name, site.settings))


def wrong(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """What is not well, in the order of the way."""
    return [verdict for verdict in verdicts if verdict.state in SEEN]


def act(site: LabSite, what: Act) -> None:
    """Carry out a command on the server, or a function."""
    if callable(what):
        what(site)
    elif what:
        site.host.ssh(what.replace("DOMAIN", site.domain), check=False)


def carry_out(site: LabSite, text: str) -> None:
    """The commands of a remedy, word for word."""
    for command in remedy.commands(text):
        if remedy.place(command) is Place.SERVER:
            site.host.ssh(command, check=False)
            continue
        deploy = command.rpartition("/")[2].removesuffix(".py")
        result = site.deploy("-y", name=deploy)
        assert result.code == 0, result.stderr


def is_green(site: LabSite, check: str) -> bool:
    """Whether the check is well again; a service takes a moment to be back."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if all(verdict.id != check for verdict in wrong(judged(site))):
            return True
    return False


def try_out(site: FaultySite, fault: Fault, note: Callable[[str, object], None]) -> None:
    """The whole way of one fault; whatever happens, the next one finds a healthy site."""
    act(site, fault.do)
    started = time.monotonic()
    found = wrong(judged(site))
    seconds = time.monotonic() - started
    try:
        assert found, "no check saw it"
        assert found[0].id == fault.check, found
        started = time.monotonic()
        if fault.mend:
            act(site, fault.mend)
        else:
            carry_out(site, found[0].remedy)
        assert is_green(site, fault.check), wrong(judged(site))
    except AssertionError:
        _take_back(site, fault)
        raise
    by = "a person" if fault.mend else "its remedy"
    times = f"{seconds:4.1f} s to the verdict, {time.monotonic() - started:5.1f} s to green"
    note("fault", f"{fault.name:40} {fault.check:30} {times} by {by}")
    if fault.undo:
        act(site, fault.undo)
        site.converge()


def _take_back(site: FaultySite, fault: Fault) -> None:
    try:
        act(site, fault.undo or fault.mend)
        site.converge()
        assert wrong(judged(site)) == []
    except AssertionError:
        site.rebuild()
