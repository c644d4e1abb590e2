"""Which alert is due: pure, from what was announced before and what is seen now."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from one_api_infra.checks.verdict import State, Verdict

AT_ONCE = frozenset({"system.disk"})  # does not flap, and each minute counts
# A warning is the admin's own choice, which ``status`` names and nobody is woken for.
UNTOLD = frozenset({"backup.is_set"})
MOST = 20  # causes of a check that are kept
CONFIRMED = 2  # runs in a row: a single lost packet or a reload is nobody's alarm


@dataclass(frozen=True)
class Known:
    """What is known of one check: the state that was announced, and the one that is forming.

    ``told`` are the causes that were announced since it was last sound, ``cause`` is the last one.
    """

    announced: str = "ok"
    forming: str = "ok"
    runs: int = 0
    announced_at: float = 0.0
    told: tuple[str, ...] = ()
    cause: str = ""


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
        return cls({
            identity: Known(**{**known, "told": tuple(known.get("told", ()))})
            for identity, known in data.items()
        })  # fmt: skip

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
    while. So does another cause of a check that has failed already. A check that is skipped is as
    it was, a warning of one of ``UNTOLD`` is never told; a failure that has become a warning is not
    healed yet.
    """
    checks = dict(memory.checks)
    faults: list[Verdict] = []
    healed: list[str] = []
    for verdict in verdicts:
        if verdict.state is State.SKIPPED or _is_untold(verdict):
            continue
        before, cause = checks.get(verdict.id, Known()), _cause(verdict)
        known = _formed(before, verdict.state.value, cause)
        enough = 1 if verdict.id in AT_ONCE else CONFIRMED
        is_other = bool(cause) and before.cause == cause and cause not in known.told
        if known.runs >= enough and (known.forming != known.announced or is_other):
            if verdict.state is State.OK:
                healed.append(verdict.id)
                known = Known("ok", "ok", known.runs, known.announced_at)
            elif _is_due(known, now, quiet, is_other=is_other):
                faults.append(verdict)
                told = (*known.told, cause)[-MOST:]
                known = replace(known, announced=known.forming, announced_at=now, told=told)
        checks[verdict.id] = known
    return Memory(checks), Due(tuple(faults), tuple(healed))


def _is_untold(verdict: Verdict) -> bool:
    return verdict.id in UNTOLD and verdict.state is not State.FAILED


def _cause(verdict: Verdict) -> str:
    """What is wrong, and with what, without figures that change from run to run."""
    return re.sub(r"\d+", "", verdict.cause) if verdict.state is not State.OK else ""


def _is_due(known: Known, now: float, quiet: float, *, is_other: bool) -> bool:
    """Whether a fault is to be announced: a new one, or a warning that has become a failure."""
    if known.announced == "ok" or (is_other and known.announced == known.forming):
        # A clock that was ahead once must not silence it until then.
        return not 0 <= now - known.announced_at < quiet
    return (known.announced, known.forming) == ("warning", "failed")


def _formed(known: Known, state: str, cause: str) -> Known:
    runs = known.runs + 1 if state == known.forming else 1
    # One that was announced before causes were kept.
    told = known.told or ((cause,) if known.announced != "ok" else ())
    return replace(known, forming=state, runs=min(runs, CONFIRMED), told=told, cause=cause)
