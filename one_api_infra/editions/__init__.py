"""The editions that the toolkit knows, by name."""

from one_api_infra.editions import new_api, one_api, one_hub
from one_api_infra.editions.edition import Edition

EDITIONS = {
    edition.name: edition for edition in (one_hub.EDITION, new_api.EDITION, one_api.EDITION)
}


def get(name: str) -> Edition:
    """The edition of that name; ``settings`` has refused every other."""
    return EDITIONS[name]
