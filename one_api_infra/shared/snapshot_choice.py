"""Which snapshot of a backup is meant, and whether it may be restored here: pure."""

import datetime
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from one_api_infra.shared.backup import Facts
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.texts import _

LATEST = "latest"
CLOCKS_DIFFER = 300.0  # seconds
ID = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class SavedSnapshot:
    """A snapshot in a repository; ``taken`` is in seconds since 1970."""

    repository: str
    id: str
    taken: float
    host: str


def is_choice(text: str) -> bool:
    """Whether a text names a snapshot: ``latest``, its id, or a time."""
    return text == LATEST or bool(ID.fullmatch(text)) or moment(text) is not None


def moment(text: str, here: datetime.tzinfo = datetime.UTC) -> float | None:
    """A time as people write it (``2026-11-28 12:00``), ``here`` where it names no time zone."""
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=here)).timestamp()


def choose(
    snapshots: Sequence[SavedSnapshot],
    text: str,
    now: float,
    here: datetime.tzinfo = datetime.UTC,
) -> SavedSnapshot | None:
    """The newest, the one of an id, or the newest that is not younger than a time.

    One of a time to come was made by a clock that was wrong: nobody knows how old it is, and it
    would be the newest until that time. It is taken where there is no other, or by its id.
    """
    if ID.fullmatch(text):
        return next((each for each in snapshots if each.id.startswith(text[:8])), None)
    until = moment(text, here)
    if until is None:
        until = now + CLOCKS_DIFFER
        until = until if any(each.taken <= until for each in snapshots) else math.inf
    fit = [each for each in snapshots if each.taken <= until]
    return max(fit, key=lambda each: each.taken, default=None)


def to_come(snapshots: Sequence[SavedSnapshot], now: float) -> list[SavedSnapshot]:
    """Those of a time to come."""
    return [each for each in snapshots if each.taken > now + CLOCKS_DIFFER]


def refusal(facts: Facts, site: SiteFile) -> str:
    """Why what ``facts`` tell of may not become this site's; empty if it may."""
    if facts.domain not in {site.domain, site.callback_domain}:
        return _(
            "it is another site's: {other}. Remedy: name that site's repository, or set"
            ' "domain" to {other} first',
            other=facts.domain,
        )
    if facts.edition != site.edition:
        return _(
            'it is of the edition {other}. Remedy: set "edition" to {other} first',
            other=facts.edition,
        )
    if _numbers(facts.version) > _numbers(site.version):
        return _(
            "it is of the release {other}, whose database an older one cannot read. Remedy: set"
            ' "version" to {other} first',
            other=facts.version,
        )
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    """A release's numbers; what stands behind a hyphen (rc) is the next of them."""
    return tuple(int(number) for number in re.findall(r"\d+", version))
