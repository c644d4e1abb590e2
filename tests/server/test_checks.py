"""The checks of ``one-api-infra status``, under the same ids."""

import json
import warnings
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from one_api_infra.checks import catalogue, target
from one_api_infra.checks.observers.look import look
from one_api_infra.checks.verdict import State, Verdict
from one_api_infra.server import paths
from one_api_infra.site import Site
from one_api_infra.ssh import address

JUDGED = [check.id for check in catalogue.CHECKS if check.judge]


@pytest.fixture(scope="module")
def verdicts(host: Host, site: Site, data: dict[str, Any]) -> dict[str, Verdict]:
    """One look for all of them, from here and from the server."""

    def ask_server(mark: str) -> tuple[Mapping[str, Any], str]:
        return dict(json.loads(host.check_output(paths.agent(f"observe {mark}")))), ""

    here = host.check_output("hostname -I").split()
    connected_to = address(data.get("ssh_hostname") or host.backend.get_hostname())
    known = target.of_settings(site.public(), (connected_to, *here))
    return {each.id: each for each in catalogue.judge(look(known, ask_server))}


@pytest.mark.parametrize("identity", JUDGED)
def test_check(verdicts: dict[str, Verdict], identity: str) -> None:
    verdict = verdicts[identity]
    words = f"{verdict.cause}\nRemedy: {verdict.remedy}\nSeen: {verdict.evidence}"
    if verdict.state is State.SKIPPED:
        pytest.skip(verdict.cause)
    if verdict.state is State.WARNING:
        warnings.warn(f"{identity}: {words}", stacklevel=1)
    assert verdict.state is not State.FAILED, words
