"""The two hosts of a move, as pyinfra knows them, and the key that lives for one run."""

import functools
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pyinfra.api import Host, State
from pyinfra.context import ctx_state

from one_api_infra.remote import address, inventory
from one_api_infra.shared.move import Target


def goes_to(host: Host) -> Host | None:
    """The host to which this one's site moves, if it does."""
    return next((new for old, new in _pairs() if old is host), None)


def comes_from(host: Host) -> Host | None:
    """The host from which this one's site comes, if it does."""
    return next((old for old, new in _pairs() if new is host), None)


def _pairs() -> list[tuple[Host, Host]]:
    hosts = {host.name: host for host in cast(State, ctx_state.get()).inventory}
    found = inventory.moves([(name, host.data.dict()) for name, host in hosts.items()])
    return [(hosts[old], hosts[new]) for old, new in found]


def target(host: Host) -> Target:
    """Where the old server finds a new one, and its key as this machine has seen it."""
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client else None
    key = transport.get_remote_server_key() if transport else None
    text = f"{key.get_name()} {key.get_base64()}" if key else ""
    port = int(host.data.get("ssh_port") or 22)
    return Target(address.of(host), port, text, str(host.data.get("moves_from")))


@functools.cache
def keys() -> tuple[str, str]:
    """The private and the public key of this run, in OpenSSH's forms."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    text = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return text.decode(), public.decode()
