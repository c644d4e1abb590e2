"""The fault matrix: every fault is named by the expected check first, and its remedy mends it."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from one_api_infra.checks import catalogue, status
from one_api_infra.checks.observers import network
from one_api_infra.checks.verdict import State, Verdict
from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.lab import Lab
from tests.lab.conftest import new_site
from tests.lab.faults.fault import Act, Fault
from tests.lab.faults.table import FAULTS
from tests.lab.payments import add_payment
from tests.lab.sites import LabSite

SEEN = {State.FAILED, State.WARNING}


@pytest.fixture(scope="module")
def faulty(prepared: Callable[[str], Path], lab: Lab) -> Iterator[LabSite]:
    """One copy of the prepared site, with a payment row, for all faults."""
    # What is filtered is known at once where the way is short: 1.5 s for each look otherwise.
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(network, "CLOSED_SECONDS", 0.3)
    site = new_site(lab, "faulty", "debian-13", "site13.lab.test", of=prepared("debian-13"))
    add_payment(site, Gateway(lab.ca.issuer))
    site.host.ssh("systemctl start one-api-monitor")
    yield site
    monkeypatch.undo()
    site.host.remove()


def judged(site: LabSite) -> Sequence[Verdict]:
    """One look, as ``one-api-infra status`` takes it."""
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


def carry_out(site: LabSite, remedy: str) -> None:
    """The commands of a remedy, word for word."""
    for command in re.findall(r"`([^`]+)`", remedy):
        if match := re.fullmatch(r"pyinfra inventory\.py deploys/(\w+)\.py", command):
            result = site.deploy("-y", name=match[1])
            assert result.code == 0, result.stderr
        elif "journalctl" not in command:
            site.host.ssh(command, check=False)


def is_green(site: LabSite, check: str) -> bool:
    """Whether the check is well again; a service takes a moment to be back."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if all(verdict.id != check for verdict in wrong(judged(site))):
            return True
    return False


def test_healthy_site_has_no_fault(faulty: LabSite) -> None:
    assert wrong(judged(faulty)) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_named_and_mended(faulty: LabSite, fault: Fault, matrix: list[str]) -> None:
    act(faulty, fault.do)
    started = time.monotonic()
    found = wrong(judged(faulty))
    seconds = time.monotonic() - started
    try:
        assert found, "no check saw it"
        assert found[0].id == fault.check, found
        started = time.monotonic()
        if fault.mend:
            act(faulty, fault.mend)
        else:
            carry_out(faulty, found[0].remedy)
        assert is_green(faulty, fault.check), wrong(judged(faulty))
    except AssertionError:
        act(faulty, fault.mend)  # the next fault must find a healthy site all the same
        faulty.converge()
        raise
    times = f"{seconds:4.1f} s to the verdict, {time.monotonic() - started:5.1f} s to green"
    matrix.append(f"{fault.name:40} {fault.check:30} {times}")
    if fault.undo:
        act(faulty, fault.undo)
        faulty.converge()


def test_all_is_well_in_the_end(faulty: LabSite) -> None:
    faulty.converge()
    assert wrong(judged(faulty)) == []
