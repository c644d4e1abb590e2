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
def whole() -> bool:
    """Whether all generated faults are tried, or a few: ``ALL_FAULTS=1`` takes an hour."""
    return bool(os.environ.get("ALL_FAULTS"))
