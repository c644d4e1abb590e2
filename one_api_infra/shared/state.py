"""What the agent tells for a deploy to compare with: written by ``server/state.py`` alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from one_api_infra.shared.certificate import Certificate
from one_api_infra.shared.database import Database
from one_api_infra.shared.place import Place
from one_api_infra.shared.unobserved import NOBODY_ASKED, Unobserved
from one_api_infra.shared.upgrade import Upgrade


@dataclass(frozen=True)
class OneApiState:
    """One API by its own API; the defaults stand where it could not be asked (``error``)."""

    error: str = ""
    is_ours: bool = False
    has_canary: bool = False
    server_address: str = ""
    restart_due: bool = False
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class State:
    """``renewal`` are certbot's notes on the site's certificate, ``has_account`` whether it has the
    one that they name, ``former`` are the certificates of earlier domains, ``awaited`` the names of
    those at which a gateway may still call, ``due_tunnels`` the certificates of tunnels that are to
    be obtained anew, ``is_release`` whether One API's program is whole, ``journal`` SQLite's mode
    (``wal``, ``rollback``; empty where there is no file), ``upgrade`` the one that is on its way.
    All is empty on a blank server.
    """

    certificates: tuple[Certificate, ...] = ()
    renewal: Mapping[str, str] = field(default_factory=dict)
    has_account: bool = False
    former: tuple[Certificate, ...] = ()
    awaited: tuple[str, ...] = ()
    due_tunnels: tuple[str, ...] = ()
    database: Database | Unobserved = NOBODY_ASKED
    journal: str = ""
    is_release: bool = False
    upgrade: Upgrade | None = None
    one_api: OneApiState = OneApiState()
