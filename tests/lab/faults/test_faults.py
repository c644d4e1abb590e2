"""The fault matrix of the wire: every fault is named by its check, and its remedy mends it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from one_api_infra.lab.lab import Lab
from tests.lab.faults.fault import Fault
from tests.lab.faults.table import FAULTS
from tests.lab.faults.trial import FaultySite, faulty_site, judged, try_out, wrong


@pytest.fixture(scope="module")
def faulty(prepared: Callable[[str], Path], lab: Lab) -> Iterator[FaultySite]:
    """One copy of the prepared site, with a payment row, for all faults."""
    yield from faulty_site(prepared, lab, "faulty")


def test_healthy_site_has_no_fault(faulty: FaultySite) -> None:
    assert wrong(judged(faulty)) == []


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_named_and_mended(
    faulty: FaultySite, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    try_out(faulty, fault, record_property)


def test_all_is_well_in_the_end(faulty: FaultySite) -> None:
    faulty.converge()
    assert wrong(judged(faulty)) == []
