"""The systems that a server may run; what differs between them is a row here."""

from collections.abc import Iterable
from dataclasses import dataclass

Version = tuple[int, ...]


@dataclass(frozen=True)
class System:
    """``id`` and ``version`` as in ``/etc/os-release``, ``suite`` as apt names it.

    ``nginx`` and ``openssl`` are the versions of its packages, for a server on which nginx is
    still to be installed; afterwards nginx itself tells.
    """

    id: str
    version: str
    suite: str
    nginx: Version
    openssl: Version
    python: str  # "3.13"

    @property
    def name(self) -> str:
        """As the lab calls it: ``debian-13``."""
        return f"{self.id}-{self.version}"


SYSTEMS = {
    each.name: each
    for each in (
        System("debian", "12", "bookworm", nginx=(1, 22, 1), openssl=(3, 0), python="3.11"),
        System("debian", "13", "trixie", nginx=(1, 26, 3), openssl=(3, 5), python="3.13"),
        System("ubuntu", "24.04", "noble", nginx=(1, 24, 0), openssl=(3, 0), python="3.12"),
    )
}
OLDEST = SYSTEMS["debian-12"]  # what it can, all can


def of(os_release: Iterable[str]) -> System | None:
    """The system whose ``os-release`` this is; None for one that is not supported."""
    values = release(os_release)
    return SYSTEMS.get(f"{values.get('ID')}-{values.get('VERSION_ID')}")


def release(os_release: Iterable[str]) -> dict[str, str]:
    """The values of ``os-release`` by name."""
    pairs = (line.partition("=") for line in os_release)
    return {name: value.strip('"') for name, _sign, value in pairs}
