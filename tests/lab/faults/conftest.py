"""The fault matrix, printed when all is done."""

import os

import pytest

MATRIX = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest) -> list[str]:
    """Collects the rows: fault, check, seconds."""
    return request.config.stash.setdefault(MATRIX, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what was collected."""
    rows = config.stash.get(MATRIX, [])
    if rows:
        terminalreporter.section("fault matrix")
    for row in rows:
        terminalreporter.write_line(row)


@pytest.fixture
def whole() -> bool:
    """Whether all generated faults are tried, or a few: ``ALL_FAULTS=1`` takes half an hour."""
    return bool(os.environ.get("ALL_FAULTS"))
