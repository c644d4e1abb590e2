"""What only the server itself can see, as JSON for the snapshot."""

import json
from dataclasses import asdict
from pathlib import Path

from one_api_infra.editions.api import ApiError
from one_api_infra.server import callback_domain, certificate, database, one_api, paths
from one_api_infra.server.local import Site, api, site


def show() -> None:
    """Print the state."""
    current = site()
    own = {"one_api": _one_api(current), "database": database.state()}
    print(json.dumps(certificate.state(current) | own))


def _one_api(site: Site) -> dict[str, object]:
    """One API as its own API tells; ``error`` where it cannot be asked."""
    client = api(site)
    try:
        status = client.status()
        places = callback_domain.observe(site, client)
        has_canary = not client.edition.signs_keys or bool(client.canary())
    except ApiError as error:
        return {"error": str(error), "is_ours": False}
    return {
        "version": status["version"],
        "server_address": status["server_address"],
        "places": [asdict(place) for place in places],
        "is_ours": one_api.is_confirmed(),
        "has_canary": has_canary,
        "restart_due": Path(paths.RESTART_DUE).exists(),
    }
