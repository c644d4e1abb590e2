"""Looking after a release that has just been let serve: is it worse than the one before?"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from one_api_infra.server import one_api, serving
from one_api_infra.server.local import CommandError, edition, site
from one_api_infra.shared import paths, upgrade_watch
from one_api_infra.shared.texts import _
from one_api_infra.shared.upgrade_watch import Limits, Traffic, Window

BEFORE_SECONDS = 60.0
PAUSE_SECONDS = 5.0
FLUSH_SECONDS = 2.0  # nginx writes its log a second later
SILENT_SECONDS = 3.0
MOST_BYTES = 32 << 20  # of a log's end


def watch(seconds: str) -> None:
    """Compare what was served since the upgrade with the minute before it, for some seconds.

    CommandError as soon as the release is worse beyond the site's limits, or does not answer.
    """
    began = Path(paths.PREVIOUS).lstat().st_mtime  # its link is made when nginx goes over
    before = _traffic(Window(began - BEFORE_SECONDS, began))
    of = float(seconds)
    while True:  # once at least: other hosts may have taken all of the time
        if (passed := time.time() - began) < of:
            time.sleep(min(PAUSE_SECONDS, max(of - passed, 0.1)))
        _must_answer()
        _judge(began, of, before)
        if time.time() - began >= of:
            return


def _must_answer() -> None:
    until = time.monotonic() + SILENT_SECONDS
    while not one_api.answers(serving.port(site())):
        if time.monotonic() > until:
            unit = serving.unit()
            raise CommandError(_told(one_api.failure("", unit)))
        time.sleep(0.2)


def _judge(began: float, of: float, before: Traffic) -> None:
    now = time.time() - FLUSH_SECONDS
    after = _traffic(Window(began, now))
    print(upgrade_watch.line(max(now - began, 0), of, before, after), flush=True)
    current = site()
    limits = Limits(current.upgrade_max_failures, current.upgrade_max_slowdown)
    if words := upgrade_watch.worse(before, after, limits):
        raise CommandError(_told(words))


def _told(words: str) -> str:
    release = Path(paths.CURRENT).readlink().name
    return _("the release {release} is worse than the one before: {words}", release=release,
             words=words)  # fmt: skip


def _traffic(window: Window) -> Traffic:
    asked = upgrade_watch.requests(_ends(paths.ACCESS_LOG))
    sleeps = edition(site()).callbacks_sleep
    called = upgrade_watch.callbacks(_ends(paths.CALLBACK_LOG), sleeps=sleeps)
    return upgrade_watch.traffic(asked, called, window)


def _ends(path: str) -> Iterator[str]:
    """The last lines of a log, and of the file that it was rotated to."""
    for each in (Path(f"{path}.1"), Path(path)):
        try:
            with each.open("rb") as stream:
                stream.seek(max(os.fstat(stream.fileno()).st_size - MOST_BYTES, 0))
                text = stream.read().decode(errors="replace")
        except OSError:
            continue
        yield from text.splitlines()
