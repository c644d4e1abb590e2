"""The fault matrix, printed when all is done."""

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
