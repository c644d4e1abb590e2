"""Every command of the server's program exists, and units and deploys call no other."""

import re
from importlib import import_module

import pytest

from one_api_infra.desired import manifest
from one_api_infra.server.main import AS_CALLBACKS_USER, COMMANDS, UNLOCKED
from one_api_infra.shared import paths
from tests.unit.examples import site


@pytest.mark.parametrize("place", COMMANDS.values())
def test_command_exists(place: str) -> None:
    module, function = place.split(".")
    assert callable(getattr(import_module(f"one_api_infra.server.{module}"), function))


def test_kinds_of_commands_are_commands() -> None:
    assert set(COMMANDS) >= UNLOCKED >= AS_CALLBACKS_USER


def test_files_of_a_server_call_commands() -> None:
    found = manifest.concerns(site(alert_urls=["json://127.0.0.1"]))
    texts = [file.data for concern in found for file in concern.files]
    called = {
        name.decode()
        for text in texts
        for name in re.findall(rf"{re.escape(paths.ZIPAPP)} ([a-z-]+)".encode(), text)
    }
    assert called
    assert called <= set(COMMANDS)
