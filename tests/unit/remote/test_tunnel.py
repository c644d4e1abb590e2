"""The developer's end: which tunnel, which key, and ssh's words."""

from pathlib import Path
from typing import Any

import pytest

from one_api_infra.remote.tunnel import connection
from one_api_infra.remote.tunnel.choice import choose, private_key
from one_api_infra.shared.validation import ValidationError

ALICE = "ssh-ed25519 AAAAalice alice@laptop"
BOB = "ssh-ed25519 AAAAbob bob"


def host(**keys: str) -> tuple[str, dict[str, Any]]:
    tunnels = {
        name: {"domain": f"{name}.site-example.com", "key": key} for name, key in keys.items()
    }
    return "203.0.113.30", {"ssh_user": "root", "ssh_key": "/root/admin", "tunnels": tunnels}


def keys(folder: Path, *public: str) -> Path:
    for number, text in enumerate(public):
        (folder / f"id_{number}.pub").write_text(text + "\n")
        (folder / f"id_{number}").touch()
    return folder


def test_the_only_one_is_chosen(tmp_path: Path) -> None:
    assert choose([host(alice=ALICE)], None, tmp_path).tunnel.name == "alice"
    assert choose([host(alice=ALICE)], None, tmp_path).key is None


def test_of_several_the_one_whose_key_is_here(tmp_path: Path) -> None:
    folder = keys(tmp_path, "ssh-ed25519 AAAAother x", BOB.replace(" bob", " other-comment"))
    chosen = choose([host(alice=ALICE, bob=BOB)], None, folder)
    assert (chosen.tunnel.name, chosen.key) == ("bob", folder / "id_1")


def test_name_wins(tmp_path: Path) -> None:
    assert choose([host(alice=ALICE, bob=BOB)], "alice", keys(tmp_path, BOB)).tunnel.name == "alice"


@pytest.mark.parametrize(
    ("hosts", "name", "words"),
    [
        ([host()], None, "docs/development.md"),
        ([host(alice=ALICE, bob=BOB)], None, "--name alice"),
        ([host(alice=ALICE)], "carol", "--name alice"),
        ([("x", {"tunnels": {"alice": {"domain": "a", "key": ALICE}}})], None, "two labels"),
    ],
)
def test_what_is_unclear_is_told(hosts: Any, name: str | None, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=words):
        choose(hosts, name, tmp_path)


def test_public_key_without_its_private_one_is_none(tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text(ALICE)
    assert private_key(ALICE, tmp_path) is None


def test_the_admins_key_and_user_are_not_the_tunnels(tmp_path: Path) -> None:
    chosen = choose([host(alice=ALICE)], None, keys(tmp_path, ALICE))
    data = connection.host_data(chosen)
    assert data["ssh_user"] == "one-api-tunnel-alice"
    assert data["ssh_key"] == str(tmp_path / "id_0")
    words = connection.command(chosen, Path("/x"), 3000, 41000)
    assert words[-5:] == [
        "-R", "/s/web:127.0.0.1:3000", "-R", "/s/callbacks:127.0.0.1:41000", "203.0.113.30",
    ]  # fmt: skip
    assert "IdentitiesOnly=yes" in words
