"""Which alert is due: pure, from what was announced before and what is seen now."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from one_api_infra.checks.verdict import State, Verdict

AT_ONCE = frozenset({"system.disk"})  # does not flap, and each minute counts
# The admin's own choice, which ``status`` names and nobody is woken for.
UNTOLD = frozenset({"backup.is_set"})
CONFIRMED = 2  # runs in a row: a single lost packet or a reload is nobody's alarm


@dataclass(frozen=True)
class Known:
    """What is known of one check: the state that was announced, and the one that is forming."""

    announced: str = "ok"
    forming: str = "ok"
    runs: int = 0
    announced_at: float = 0.0


@dataclass(frozen=True)
class Due:
    """What is to be announced: faults that are new, and checks that have healed."""

    faults: tuple[Verdict, ...] = ()
    healed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.faults or self.healed)


@dataclass(frozen=True)
class Memory:
    """What was announced, by check."""

    checks: Mapping[str, Known] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: Mapping[str, Mapping[str, Any]]) -> "Memory":
        """From plain data."""
        return cls({identity: Known(**known) for identity, known in data.items()})

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {identity: asdict(known) for identity, known in self.checks.items()}


def decide(
    memory: Memory, verdicts: Sequence[Verdict], now: float, quiet: float
) -> tuple[Memory, Due]:
    """What is due now.

    A state counts when it was seen ``CONFIRMED`` times in a row, that of ``AT_ONCE`` the first
    time. It is announced once, and its end once, at once. A fault that comes back within ``quiet``
    seconds after it was announced waits for the end of that time: one that flaps is heard once in a
    while. A check that is skipped is as it was, one of ``UNTOLD`` is never told; a failure that has
    become a warning is not healed yet.
    """
    checks = dict(memory.checks)
    faults: list[Verdict] = []
    healed: list[str] = []
    for verdict in verdicts:
        if verdict.state is State.SKIPPED or verdict.id in UNTOLD:
            continue
        known = _formed(checks.get(verdict.id, Known()), verdict.state.value)
        enough = 1 if verdict.id in AT_ONCE else CONFIRMED
        if known.runs >= enough and known.forming != known.announced:
            if verdict.state is State.OK:
                healed.append(verdict.id)
                known = Known("ok", "ok", known.runs, known.announced_at)
            elif _is_due(known, now, quiet):
                faults.append(verdict)
                known = Known(known.forming, known.forming, known.runs, now)
        checks[verdict.id] = known
    return Memory(checks), Due(tuple(faults), tuple(healed))


def _is_due(known: Known, now: float, quiet: float) -> bool:
    """Whether a fault is to be announced: a new one, or a warning that has become a failure."""
    if known.announced == "ok":
        return now - known.announced_at >= quiet
    return (known.announced, known.forming) == ("warning", "failed")


def _formed(known: Known, state: str) -> Known:
    runs = known.runs + 1 if state == known.forming else 1
    return Known(known.announced, state, min(runs, CONFIRMED), known.announced_at)
