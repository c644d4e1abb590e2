"""Knocking at ports."""

import errno
import socket
from collections.abc import Mapping, Sequence
from functools import partial

from one_api_infra.checks.observation import Port
from one_api_infra.checks.observers.together import together

# The kernel asks again after 1 s and 3 s: a lost packet or two are no fault.
OPEN_SECONDS = 4.0
CLOSED_SECONDS = 1.5  # for a port that should be closed; its silence is what is expected
NO_WAY = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def gather(addresses: Sequence[str], numbers: Mapping[int, float]) -> tuple[Port, ...]:
    """The state of each port at each address, all at once; ``numbers`` are ports and seconds."""
    asked = [(address, number) for address in addresses for number in numbers]
    late = [Port(address, number, "filtered") for address, number in asked]
    looks = [partial(knock, address, number, numbers[number]) for address, number in asked]
    return tuple(together(looks, late, max(numbers.values()) + 1))


def knock(address: str, number: int, seconds: float) -> Port:
    """The state of one port."""
    try:
        socket.create_connection((address, number), timeout=seconds).close()
    except ConnectionRefusedError:
        return Port(address, number, "closed")
    except OSError as error:
        return Port(address, number, "unreachable" if error.errno in NO_WAY else "filtered")
    return Port(address, number, "open")
