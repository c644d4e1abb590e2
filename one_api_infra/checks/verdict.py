"""What a check is, and what it comes to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

from one_api_infra.shared import foreign
from one_api_infra.shared.texts import N_, _

if TYPE_CHECKING:
    from one_api_infra.checks.observation import Observation


class Level(IntEnum):
    """The way of a payment callback, from the name as written to the credited order."""

    HOST = 0
    NAME = 1
    DNS = 2
    NETWORK = 3
    TLS = 4
    HTTP = 5
    APPLICATION = 6
    FLOW = 7


LEVELS = {
    Level.HOST: N_("server"),
    Level.NAME: N_("name"),
    Level.DNS: N_("DNS"),
    Level.NETWORK: N_("network"),
    Level.TLS: N_("TLS"),
    Level.HTTP: N_("HTTP"),
    Level.APPLICATION: N_("application"),
    Level.FLOW: N_("flow"),
}


class State(StrEnum):
    """What a check comes to."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Verbatim(str):
    """A value of our own make, that is to be copied and so is never cut."""


@dataclass(frozen=True)
class Fault:
    """One way in which a check fails; its texts are message ids with ``{placeholders}``.

    ``by_hand`` is the remedy where no deploy of ours heals it: of a site that somebody else set up,
    of a certificate that somebody else manages.
    """

    cause: str
    remedy: str
    is_warning: bool = False
    by_hand: str = ""


@dataclass(frozen=True)
class Found:
    """A fault that was found: its key in ``Check.faults``, what fills its texts, what was seen."""

    fault: str
    evidence: str = ""
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Skip:
    """The check could not be made, and why (already in the operator's language)."""

    reason: str


@dataclass(frozen=True)
class Note:
    """All is well, and this is worth a line (already in the operator's language)."""

    words: str


Finding = Found | Skip | Note | None
Judge = Callable[["Observation"], Finding]


@dataclass(frozen=True)
class Check:
    """One check. ``judge`` is None where only the preflight makes it, from its own look.

    ``needs`` are checks that this one builds on: it is skipped while one of them fails, or is
    skipped for a failure.
    """

    id: str
    level: Level
    means: str
    faults: Mapping[str, Fault]
    judge: Judge | None = None
    needs: tuple[str, ...] = ()


# What can happen to any check: both are failures, for nothing is known then.
OF_ANY = {
    "unseen": Fault(
        N_("the server could not look at this: {error}"),
        N_("`pyinfra inventory.py deploys/site.py` puts everything right that is looked at here"),
    ),
    "broken": Fault(
        N_("the check itself failed, which is a defect of one-api-infra: {error}"),
        N_(
            "report it with these words; `one-api-infra order` and the callback service do not"
            " depend on it"
        ),
    ),
}


@dataclass(frozen=True)
class Verdict:
    """What a check came to; the texts are in the operator's language."""

    id: str
    level: Level
    state: State
    cause: str = ""
    remedy: str = ""
    evidence: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        shown = {"id": self.id, "level": self.level.name.lower(), "state": self.state.value}
        told = {"cause": self.cause, "remedy": self.remedy, "evidence": self.evidence}
        return shown | {name: text for name, text in told.items() if text}


def verdict(check: Check, finding: Finding, *, is_by_hand: bool = False) -> Verdict:
    """The verdict that a finding makes."""
    if finding is None:
        return Verdict(check.id, check.level, State.OK)
    if isinstance(finding, Note):
        return Verdict(check.id, check.level, State.OK, finding.words)
    if isinstance(finding, Skip):
        return Verdict(check.id, check.level, State.SKIPPED, finding.reason)
    fault = check.faults.get(finding.fault) or OF_ANY[finding.fault]
    state = State.WARNING if fault.is_warning else State.FAILED
    values = {
        name: value if isinstance(value, Verbatim | int | float) else foreign.line(value)
        for name, value in finding.values.items()
    }
    remedy = (is_by_hand and fault.by_hand) or fault.remedy
    cause, remedy = _(fault.cause, **values), _(remedy, **values)
    return Verdict(check.id, check.level, state, cause, remedy, foreign.text(finding.evidence))
