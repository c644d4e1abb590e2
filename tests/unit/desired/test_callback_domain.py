"""Where the domain stands in One API, and which forms are wrong."""

from typing import Any

import pytest

from one_api_infra.desired.callback_domain import is_right
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import plain
from one_api_infra.shared.callback_domain import places
from one_api_infra.shared.editions import EDITIONS
from one_api_infra.shared.place import Place
from one_api_infra.shared.state import OneApiState, State
from tests.unit.examples import site

ORIGIN = "https://pay.site-example.com"
WRONG = ["", "pay.site-example.com", "http://pay.site-example.com", f"{ORIGIN}/", f"{ORIGIN}/v1",
         f"{ORIGIN}:443", "http://localhost:3000", "https://old.site-example.com",
         f"{ORIGIN}/api/payment/notify/1"]  # fmt: skip


@pytest.mark.parametrize("value", WRONG)
def test_wrong_form_is_found(value: str) -> None:
    rows = [{"id": 3, "notify_domain": value}]
    found = places(EDITIONS["one-hub"], {"ServerAddress": value}, rows, ORIGIN, ORIGIN)
    assert [(str(place), place.is_right) for place in found] == [
        ("option ServerAddress", False),
        ("payment 3", False),
    ]


def test_missing_values_are_wrong() -> None:
    found = places(EDITIONS["new-api"], {}, [], ORIGIN, ORIGIN)
    wanted = ["ServerAddress", "CustomCallbackAddress", "passkey.rp_id", "passkey.origins"]
    assert [place.key for place in found] == wanted
    assert not any(place.is_right for place in found)


def state(**values: Any) -> Snapshot:
    place = Place("option", "ServerAddress", ORIGIN, ORIGIN)
    told = OneApiState(**{"places": (place,), "server_address": ORIGIN, **values})
    return Snapshot(probes={"state": (plain.write(State(one_api=told)),)})


def test_right_only_if_this_node_uses_it() -> None:
    assert is_right(site(), state())
    assert not is_right(site(), state(server_address="http://localhost:3000"))
    assert not is_right(site(), state(restart_due=True))
    assert not is_right(site(), state(places=()))
    assert not is_right(site(), Snapshot())


NAME = ORIGIN.removeprefix("https://")


@pytest.mark.parametrize(("stored", "wanted"), [
    ({}, (NAME, ORIGIN)),
    ({"passkey.rp_id": "site-example.com", "passkey.origins": f"https://a.org,{ORIGIN}"}, None),
    ({"passkey.rp_id": NAME, "passkey.origins": ORIGIN}, None),
    ({"passkey.rp_id": "old.com", "passkey.origins": "https://old.com"}, (NAME, ORIGIN)),
    ({"passkey.rp_id": "x-example.com"}, (NAME, ORIGIN)),
    ({"passkey.rp_id": "com", "passkey.origins": ""}, (NAME, ORIGIN)),
])  # fmt: skip
def test_passkeys_are_bound_to_the_domain(
    stored: dict[str, str], wanted: tuple[str, str] | None
) -> None:
    found = {each.key: each for each in places(EDITIONS["new-api"], stored, [], ORIGIN, ORIGIN)}
    identity, origins = found["passkey.rp_id"], found["passkey.origins"]
    if wanted is None:
        assert identity.is_right
        assert origins.is_right
    else:
        assert (identity.wanted, origins.wanted) == wanted
