"""The editions that the toolkit knows, by name."""

from collections.abc import Mapping
from typing import Any

from one_api_infra.shared.editions import new_api, one_api, one_hub
from one_api_infra.shared.editions.edition import Edition

EDITIONS = {
    edition.name: edition for edition in (one_hub.EDITION, new_api.EDITION, one_api.EDITION)
}


def get(name: str) -> Edition:
    """The edition of that name; ``settings`` has refused every other."""
    return EDITIONS[name]


def of_status(told: Mapping[str, Any]) -> Edition:
    """The edition whose ``/api/status`` this is."""
    marked = (each for each in EDITIONS.values() if each.status_mark and each.status_mark in told)
    return next(marked, one_api.EDITION)
