"""All checks, in the order of the way: what fails first explains what fails after it."""

from collections.abc import Iterable

from one_api_infra.checks import application, database, dns, flow, host, http, name, network, tls
from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Found, Judge, Skip, State, Verdict, verdict
from one_api_infra.problems import Problem
from one_api_infra.texts import _

CHECKS: tuple[Check, ...] = (
    *host.CHECKS,
    *name.CHECKS,
    *dns.CHECKS,
    *database.CHECKS,
    *application.RUNNING,
    *network.CHECKS,
    *tls.CHECKS,
    *http.CHECKS,
    *application.CHECKS,
    *flow.CHECKS,
)
BY_ID = {check.id: check for check in CHECKS}


def judge(seen: Observation, checks: Iterable[Check] = CHECKS) -> tuple[Verdict, ...]:
    """The verdict of each check, in order; what a failure explains is skipped and names it."""
    made: list[Verdict] = []
    explained: dict[str, str] = {}
    for check in checks:
        if check.judge is None:
            continue
        failed = next((explained[need] for need in check.needs if need in explained), None)
        made.append(_judge(check, check.judge, seen, failed))
        if failed or made[-1].state is State.FAILED:
            explained[check.id] = failed or check.id
    return tuple(made)


def _judge(check: Check, judge: Judge, seen: Observation, failed: str | None) -> Verdict:
    if failed:
        return verdict(check, Skip(_("not looked at while {id} fails", id=failed)))
    try:
        found = verdict(check, judge(seen))
    except (KeyError, TypeError) as error:
        # The agent on the server may be of another version than this program.
        reason = _(
            "the server tells it otherwise than expected ({error}): deploy first", error=error
        )
        found = verdict(check, Skip(reason))
    if found.state is State.FAILED and check.id in seen.target.waive:
        return verdict(check, Skip(_("waived in the inventory: {cause}", cause=found.cause)))
    return found


def problem(identity: str, fault: str = "wrong", **values: object) -> Problem:
    """A check's fault as what stops a run: the same id and texts as in every other use."""
    found = verdict(BY_ID[identity], Found(fault, values=values))
    return Problem(identity, found.cause, found.remedy)
