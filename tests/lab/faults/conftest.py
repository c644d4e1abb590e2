"""The fault matrix, printed when all is done."""

import os

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each fault noted: its check, how long it took, who mended it."""
    passed = terminalreporter.stats.get("passed", [])
    rows = [text for report in passed for name, text in report.user_properties if name == "fault"]
    if rows:
        terminalreporter.section(f"fault matrix: {len(rows)} faults")
    for row in rows:
        terminalreporter.write_line(row)


@pytest.fixture
def part() -> slice | None:
    """Which of the generated faults are tried: ``ALL_FAULTS=1/2`` is every other one; None: a few.

    All of them (``1/1``) take an hour.
    """
    given = os.environ.get("ALL_FAULTS")
    if not given:
        return None
    first, step = map(int, given.split("/"))
    return slice(first - 1, None, step)
