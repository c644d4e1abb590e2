"""What ran when: at the end of a run that took its time to change a host, a bar for each step."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary, WeakSet

from pyinfra.api import Host, State
from pyinfra.api.state import BaseStateCallback
from typing_extensions import override

from one_api_infra.remote import lock
from one_api_infra.shared.texts import _

WIDTH = 40  # characters
LONG = 5.0  # seconds: a shorter run needs no account of its time
SHARE = 0.02  # of the whole; shorter steps are left out


@dataclass(frozen=True)
class Span:
    """A step, in seconds."""

    name: str
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


_spans: WeakKeyDictionary[Host, list[Span]] = WeakKeyDictionary()
_begun: WeakKeyDictionary[Host, float] = WeakKeyDictionary()
_watched: WeakSet[State] = WeakSet()


def watch(state: State) -> None:
    """Keep account of a run."""
    if state not in _watched:
        _watched.add(state)
        state.add_callback_handler(_Watch())


def beside(host: Host, steps: Iterable[str], *, until: float) -> None:
    """Add what ran beside the run on the server: lines of begin, end and name, its own clock.

    The last of them is the server's time at ``until``, by this machine's clock.
    """
    found = list(spans(steps))
    if found:
        off = until - max(span.end for span in found)
        moved = (replace(span, begin=span.begin + off, end=span.end + off) for span in found)
        _spans.setdefault(host, []).extend(moved)


def spans(steps: Iterable[str]) -> Iterable[Span]:
    """The spans that lines of begin, end and name tell."""
    for line in steps:
        begin, end, name = line.split(" ", 2)
        yield Span(name, float(begin), float(end))


def lines(found: Sequence[Span]) -> list[str]:
    """The account: in the order of their begin, those that matter."""
    if not found:
        return []
    start, end = min(span.begin for span in found), max(span.end for span in found)
    whole = end - start
    if whole < LONG:
        return []
    shown = [span for span in found if span.seconds >= SHARE * whole]
    told = [_("What ran when ({seconds} s in all):", seconds=f"{whole:.1f}")]
    for span in sorted(shown, key=lambda each: each.begin):
        before = round((span.begin - start) / whole * WIDTH)
        bar = "█" * max(1, round(span.seconds / whole * WIDTH))
        picture = ("·" * before + bar)[:WIDTH].ljust(WIDTH, "·")
        told.append(f"{span.begin - start:6.1f} s {picture} {span.seconds:5.1f} s  {span.name}")
    return told


class _Watch(BaseStateCallback):
    @override
    @staticmethod
    def operation_host_start(state: State, host: Host, op_hash: str) -> None:
        _begun[host] = time.monotonic()

    @override
    @staticmethod
    def operation_host_success(
        state: State, host: Host, op_hash: str, retry_count: int = 0
    ) -> None:
        name = min(state.get_op_meta(op_hash).names).rpartition(" | ")[2]
        span = Span(name, _begun[host], time.monotonic())
        _spans.setdefault(host, []).append(span)

    @override
    @staticmethod
    def host_disconnect(state: State, host: Host) -> None:
        found = _spans.pop(host, [])
        for line in lines(found) if lock.is_held(host) else ():
            host.log(line)
