"""The time as the site's people read it."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

LEAST_CALLBACKS = 50  # of fewer no hour of the day can be told from another


def zone(name: str) -> tzinfo:
    """The time zone of that name; UTC where the system does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return UTC


def quiet_hour(callbacks: Mapping[str, int]) -> int | None:
    """The hour (0 to 23) in whose middle a day is quietest: with the fewest callbacks in it and in
    the hours beside it; None where ``callbacks`` (by hour, "00" to "23") are few."""
    counts = [callbacks.get(f"{hour:02}", 0) for hour in range(24)]
    if sum(counts) < LEAST_CALLBACKS:
        return None
    around = [counts[hour - 1] + counts[hour] + counts[(hour + 1) % 24] for hour in range(24)]
    return min(range(24), key=lambda hour: (around[hour], counts[hour], hour))
