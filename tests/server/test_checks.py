"""The checks of ``one-api-infra status``, under the same ids."""

import warnings

import pytest

from one_api_infra.checks import catalogue
from one_api_infra.checks.verdict import State, Verdict

JUDGED = [check.id for check in catalogue.CHECKS if check.judge]


@pytest.mark.parametrize("identity", JUDGED)
def test_check(verdicts: dict[str, Verdict], identity: str) -> None:
    verdict = verdicts[identity]
    words = f"{verdict.cause}\nRemedy: {verdict.remedy}\nSeen: {verdict.evidence}"
    if verdict.state is State.SKIPPED:
        pytest.skip(verdict.cause)
    if verdict.state is State.WARNING:
        warnings.warn(f"{identity}: {words}", stacklevel=1)
    assert verdict.state is not State.FAILED, words
