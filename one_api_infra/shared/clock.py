"""The time as the site's people read it."""

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo


def zone(name: str) -> tzinfo:
    """The time zone of that name; UTC where the system does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return UTC
