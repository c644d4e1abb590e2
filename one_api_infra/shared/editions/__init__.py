"""The editions that the toolkit knows, by name."""

from collections.abc import Mapping
from typing import Any

from one_api_infra.shared.editions import done_hub, new_api, one_api, one_hub
from one_api_infra.shared.editions.edition import Edition

EDITIONS: Mapping[str, Edition] = {
    each.name: each
    for each in (one_hub.EDITION, done_hub.EDITION, new_api.EDITION, one_api.EDITION)
}


def get(name: str) -> Edition:
    """The edition of that name; ``settings`` has refused every other."""
    return EDITIONS[name]


def of_status(told: Mapping[str, Any]) -> Edition:
    """The edition whose ``/api/status`` this is; a fork's has its parent's mark too."""
    marked = [each for each in EDITIONS.values() if each.status_mark and each.status_mark in told]
    forks = (each for each in marked if each.inherits)
    return next(forks, marked[0] if marked else one_api.EDITION)
