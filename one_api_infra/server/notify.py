"""Telling people: alerts through apprise's channels, a sign of life to a dead man's switch."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from one_api_infra.shared import foreign, paths
from one_api_infra.shared.texts import _

URLS = Path(paths.ALERT_URLS)
TIMEOUT = 10
KEPT = 50  # messages that wait for a channel at most


def _urls(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text().splitlines()] if path.exists() else []


def channels(path: Path = URLS) -> range:
    """The channels, by their place in the settings."""
    return range(len(_urls(path)))


def send(
    outbox: Sequence[Mapping[str, Any]], path: Path = URLS
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Send what waits; what could not be sent, and the channels that failed (without secrets)."""
    if not outbox:
        return [], []
    # Heavy, and needed only when there is something to say.
    import apprise  # noqa: PLC0415

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its words can hold tokens
    urls = _urls(path)
    left: list[Mapping[str, Any]] = []
    failed: list[str] = []
    for entry in outbox[-KEPT:]:
        if entry["channel"] >= len(urls):
            continue  # the admin has removed it
        url = urls[entry["channel"]]
        channel = apprise.Apprise()
        is_known = channel.add(url)
        title, body = (foreign.printable(entry[name]) for name in ("title", "body"))
        # As text: in a mail of HTML, what strangers wrote would be its markup.
        is_sent = is_known and channel.notify(body, title, body_format=apprise.NotifyFormat.TEXT)
        if not is_sent:
            left.append(entry)
            failed.append(f"{entry['channel'] + 1} ({url.partition(':')[0]})")
    return left, sorted(set(failed))


def heartbeat() -> None:
    """Tell the dead man's switch that the monitor has run; a failure is only noted."""
    path = Path(paths.HEARTBEAT_URL)
    if not path.exists():
        return
    import requests  # noqa: PLC0415  # most monitors need it not

    try:
        requests.get(path.read_text().strip(), timeout=TIMEOUT).raise_for_status()
    except requests.RequestException as error:
        print(_("The heartbeat was not taken: {error}", error=type(error).__name__), flush=True)
