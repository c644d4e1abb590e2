"""What only the server itself can see, as JSON for the snapshot."""

import contextlib
from pathlib import Path

from one_api_infra.server import (
    callback_domain,
    certbot,
    certificate,
    database,
    former_domains,
    one_api,
    process,
    serving,
)
from one_api_infra.server.local import api, site
from one_api_infra.shared import paths, plain
from one_api_infra.shared.editions.api import ApiError
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.state import OneApiState, State


def show() -> None:
    """Print the state."""
    print(_told())


def leave(path: str) -> None:
    """Write the state to a file that is there; nothing where it cannot be told."""
    with contextlib.suppress(Exception):  # the command was carried out, whatever is wrong here
        Path(path).write_text(_told())


def _told() -> str:
    current = site()
    certificates = tuple(certificate.observe(current))
    renewal = certbot.renewal(current.domain)
    made = State(
        certificates=certificates,
        renewal=renewal,
        former=former_domains.observe(),
        awaited=former_domains.awaited(current),
        due_tunnels=certbot.due_tunnels(current),
        has_account=certbot.has_account(renewal),
        database=database.state(),
        journal=database.journal_on_disk(),
        is_release=process.is_release(),
        upgrade=serving.under_way(),
        one_api=_one_api(current),
    )
    return plain.write(made)


def _one_api(site: SiteFile) -> OneApiState:
    client = api(site)
    try:
        return OneApiState(
            server_address=str(client.status()["server_address"]),
            places=callback_domain.observe(site, client),
            has_canary=not client.edition.signs_keys or bool(client.canary()),
            is_ours=one_api.is_confirmed(),
            restart_due=Path(paths.RESTART_DUE).exists(),
        )
    except ApiError as error:
        return OneApiState(error=str(error))
