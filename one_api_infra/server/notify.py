"""Telling people: alerts through apprise's channels, a sign of life to a dead man's switch."""

import contextlib
import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from one_api_infra.shared import foreign, outbox, paths
from one_api_infra.shared.outbox import Waiting
from one_api_infra.shared.texts import _

URLS = Path(paths.ALERT_URLS)
TIMEOUT = 10
PATIENCE = 90.0  # seconds of a run: a unit that is ended sends the same again in the next one
SECRET = 6  # characters of a URL's part that may be a token


def _urls(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text().splitlines()] if path.exists() else []


def channels(path: Path = URLS) -> range:
    """The channels, by their place in the settings."""
    return range(len(_urls(path)))


def send(
    waiting: Sequence[Mapping[str, Any]], path: Path = URLS, now: float | None = None
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Send what is due; what waits on, and the channels that failed (without secrets).

    A channel that takes nothing is tried once in a run, after those that do.
    """
    if not waiting:
        return [], []
    now, urls = time.time() if now is None else now, _urls(path)
    until = time.monotonic() + PATIENCE
    left, silent, awake = list[Waiting](), set[int](), set[int]()
    known = [each for each in map(Waiting.parse, waiting) if each.channel < len(urls)]
    for each in sorted(outbox.kept(known), key=lambda each: each.tries > 0):
        is_due = each.is_due(now) or each.channel in awake
        if each.channel in silent or not is_due or time.monotonic() > until:
            left.append(each)
        elif words := _refusal(urls[each.channel], each.shown(now), each.body):
            print(f"{_name(each, urls)}: {words}", flush=True)
            silent.add(each.channel)
            left.append(each.failed(now))
        else:
            awake.add(each.channel)
    failed = {_name(each, urls) for each in left if each.tries}
    return [each.plain() for each in sorted(left, key=lambda each: each.at)], sorted(failed)


def _name(each: Waiting, urls: Sequence[str]) -> str:
    return f"{each.channel + 1} ({urls[each.channel].partition(':')[0]})"


def _refusal(url: str, title: str, body: str) -> str:
    """Why a channel did not take a message, without its secrets; empty if it did."""
    # Heavy, and needed only when there is something to say.
    import apprise  # noqa: PLC0415

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its words can hold tokens
    channel = apprise.Apprise()
    if not channel.add(url):
        return _("apprise does not know this URL")
    scheme, title, body = url.partition(":")[0], *map(foreign.printable, (title, body))
    with _answers(scheme) as told:
        # As text: in a mail of HTML, what strangers wrote would be its markup.
        is_sent = channel.notify(body, title, body_format=apprise.NotifyFormat.TEXT)
    words = told[-1] if told else ""
    if is_sent:  # after another try, it may be; but robots refuse what apprise takes for sent
        words = "" if words.startswith(outbox.HTTP) else words
    elif not words:
        words = _("it was not taken")
    for secret in re.split(r"[^\w-]+", url.partition(":")[2]):
        words = words.replace(secret, "…") if len(secret) >= SECRET else words
    return foreign.printable(words)[:200]


@contextlib.contextmanager
def _answers(scheme: str) -> Iterator[list[str]]:
    """What is refused meanwhile: robots do it with HTTP 200, and apprise looks no further."""
    import requests  # noqa: PLC0415

    told, send = list[str](), requests.Session.send

    def listening(*arguments: Any, **options: Any) -> requests.Response:
        try:
            answer = send(*arguments, **options)
        except requests.RequestException as error:
            told.append(type(error).__name__)
            raise
        told.append(outbox.refusal(scheme, answer.status_code, answer.text))
        return answer

    requests.Session.send = listening  # type: ignore[method-assign]
    try:
        yield told
    finally:
        requests.Session.send = send  # type: ignore[method-assign]


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
