"""Whether a release serves worse than the one before it did: the traffic of two windows. Pure."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from one_api_infra.shared.texts import _

LEAST_FAILED = 3  # fewer are anybody's bad luck
LEAST_CALLBACKS = 2
LEAST_TIMED = 50  # requests of which a delay can be told
DELAY_SECONDS = 0.2  # a shorter one is nobody's complaint
SHARE_TIMED = 0.9
ASLEEP = 500


@dataclass(frozen=True)
class Window:
    """The seconds since 1970 between which a request began and ended."""

    begin: float
    end: float

    def holds(self, ended: float, seconds: float) -> bool:
        """Whether a request that took so long is one of it."""
        return self.begin <= ended - seconds and ended <= self.end


@dataclass(frozen=True)
class Traffic:
    """Requests and callbacks of a window; ``delay`` are the seconds to the first byte of an answer
    that nine of ten requests do not exceed, None where there were too few."""

    requests: int
    failed: int
    delay: float | None
    callbacks: int
    callbacks_failed: int


@dataclass(frozen=True)
class Request:
    """One line of a log; ``delay`` is None where One API was not asked."""

    ended: float
    seconds: float
    status: int
    delay: float | None = None


@dataclass(frozen=True)
class Limits:
    """By how much a release may be worse: ``failures`` in percent of requests, ``slowdown`` in
    times the delay of before."""

    failures: int
    slowdown: int


def requests(lines: Iterable[str]) -> Iterator[Request]:
    """The access log's; what is no line of nginx' is left out."""
    for line in lines:
        words = line.rpartition('" ')[2].split()
        try:
            delay = None if words[-2] == "-" else float(words[-2])
            yield Request(float(words[-1]), float(words[2]), int(words[0]), delay)
        except (ValueError, IndexError):
            continue


def callbacks(lines: Iterable[str], *, sleeps: bool = False) -> Iterator[Request]:
    """The callback log's; ``sleeps`` as ``Edition.callbacks_sleep``: then a 500 says nothing."""
    for line in lines:
        try:
            told = json.loads(line)
            found = Request(float(told["at"]), float(told["seconds"]), int(told["status"]))
        except (ValueError, KeyError, TypeError):
            continue
        if not (sleeps and found.status == ASLEEP):
            yield found


def traffic(asked: Iterable[Request], called: Iterable[Request], window: Window) -> Traffic:
    """What there was in a window."""
    own = [each for each in asked if window.holds(each.ended, each.seconds)]
    paid = [each for each in called if window.holds(each.ended, each.seconds)]
    delays = sorted(each.delay for each in own if each.delay is not None)
    is_enough = len(delays) >= LEAST_TIMED
    delay = delays[int(len(delays) * SHARE_TIMED)] if is_enough else None
    return Traffic(len(own), _failed(own), delay, len(paid), _failed(paid))


def _failed(found: Iterable[Request]) -> int:
    return sum(each.status >= 500 for each in found)


def worse(before: Traffic, after: Traffic, limits: Limits) -> str:
    """In what the release is worse beyond the limits; empty if it is not."""
    if after.failed >= LEAST_FAILED and (
        _share(after.failed, after.requests) - _share(before.failed, before.requests)
        > limits.failures
    ):
        return _("{failed} of {all} requests failed", failed=after.failed, all=after.requests)
    if after.callbacks_failed >= LEAST_CALLBACKS and (
        _share(after.callbacks_failed, after.callbacks)
        - _share(before.callbacks_failed, before.callbacks)
        > limits.failures
    ):
        return _(
            "{failed} of {all} callbacks failed", failed=after.callbacks_failed, all=after.callbacks
        )
    if before.delay is None or after.delay is None:
        return ""
    if after.delay > max(before.delay * limits.slowdown, before.delay + DELAY_SECONDS):
        return _("answers begin after {now:.2f} s instead of {then:.2f} s", now=after.delay,
                 then=before.delay)  # fmt: skip
    return ""


def _share(part: int, whole: int) -> float:
    """In percent."""
    return part * 100 / whole if whole else 0.0


def line(seconds: float, of: float, before: Traffic, after: Traffic) -> str:
    """How far the watch has come, for people."""
    return _(
        "{seconds:.0f} of {of:.0f} s: {requests} requests, {failed} failed ({then} in the minute"
        " before, {then_failed} failed); {callbacks} callbacks, {callbacks_failed} failed",
        seconds=seconds,
        of=of,
        requests=after.requests,
        failed=after.failed,
        then=before.requests,
        then_failed=before.failed,
        callbacks=after.callbacks,
        callbacks_failed=after.callbacks_failed,
    )
