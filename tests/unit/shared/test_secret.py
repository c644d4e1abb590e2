"""A secret does not print."""

import json
import pickle

import pytest

from one_api_infra.desired.resources import File
from one_api_infra.shared.secret import Secret

CANARY = "canary-8d1f"


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{!r:>9}".format, lambda s: f"{[s]}"])
def test_never_prints(show: object) -> None:
    assert callable(show)
    assert CANARY not in show(Secret(CANARY))
    assert "***" in show(Secret(CANARY))


def test_is_not_serialised() -> None:
    with pytest.raises(TypeError):
        json.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))


def test_reveals_to_who_asks() -> None:
    assert Secret(CANARY).reveal() == CANARY
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != CANARY


def test_file_with_a_secret_does_not_print_it() -> None:
    file = File("/etc/x", Secret(CANARY), "600")
    assert CANARY not in repr(file)
    assert file.data == CANARY.encode()
