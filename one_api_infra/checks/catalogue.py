"""All checks, in the order of the way: what fails first explains what fails after it."""

from collections.abc import Iterable
from dataclasses import replace

from one_api_infra.checks import (
    agent,
    application,
    backup,
    cdn,
    database,
    dns,
    files,
    filing,
    flow,
    host,
    http,
    ledger,
    name,
    network,
    remedy,
    renewal,
    tls,
    tunnel,
    upgrade,
)
from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Found, Judge, Level, Skip, State, Verdict, verdict
from one_api_infra.shared.texts import _
from one_api_infra.shared.unobserved import NotObservedError, Unobserved
from one_api_infra.shared.validation import Problem

CHECKS: tuple[Check, ...] = (
    *agent.CHECKS,
    files.FILES,
    files.SERVICES,
    files.USERS,
    files.PACKAGES,
    *host.CHECKS,
    *application.PROGRAM,
    *database.CHECKS,
    *application.RUNNING,
    *upgrade.CHECKS,
    *name.CHECKS,
    *dns.CHECKS,
    *network.CHECKS,
    filing.FILED,
    *tls.CHECKS,
    *cdn.CHECKS,
    *http.CHECKS,
    *application.CHECKS,
    database.JOURNAL,
    *renewal.CHECKS,
    *flow.CHECKS,
    *ledger.CHECKS,
    *backup.CHECKS,
    *tunnel.CHECKS,
    files.NGINX,
    files.SERVICES_RUN,
    files.DROP_INS,
)
FROM_OUTSIDE = {Level.DNS, Level.NETWORK, Level.TLS, Level.HTTP}
BY_ID = {check.id: check for check in CHECKS}


def judge(observation: Observation, checks: Iterable[Check] = CHECKS) -> tuple[Verdict, ...]:
    """The verdict of each check, in order; what a failure explains is skipped and names it."""
    made: list[Verdict] = []
    explained: dict[str, str] = {}
    for check in checks:
        if check.judge is None:
            continue
        failed = next((explained[need] for need in check.needs if need in explained), None)
        if observation.outside_error and check.level in FROM_OUTSIDE:
            failed = agent.LOOK
        found = _skipped(check, failed) if failed else _judge(check, check.judge, observation)
        made.append(replace(found, remedy=remedy.named(found.remedy, observation.target.inventory)))
        if failed or made[-1].state is State.FAILED:
            explained[check.id] = failed or check.id
    return tuple(made)


def _skipped(check: Check, failed: str) -> Verdict:
    return verdict(check, Skip(_("not looked at while {id} fails", id=failed)))


def _judge(check: Check, judge: Judge, observation: Observation) -> Verdict:
    try:
        is_theirs = observation.target.is_external and check.level is Level.TLS
        is_by_hand = observation.target.is_foreign or is_theirs
        found = verdict(check, judge(observation), is_by_hand=is_by_hand)
    except NotObservedError as error:
        found = _unseen(check, error.unseen)
    except Exception as error:  # whatever it is: a check that died has not passed
        found = verdict(check, _broken(error))
    if found.state in {State.FAILED, State.WARNING} and check.id in observation.target.waive:
        return verdict(check, Skip(_("waived in the inventory: {cause}", cause=found.cause)))
    return found


def _unseen(check: Check, unseen: Unobserved) -> Verdict:
    """A part that could not be looked at is a failure, unless all is: then one tells of it."""
    if unseen.fault == "outside":
        return verdict(check, Skip(_("this is a look from outside")))
    if unseen.fault:
        return _skipped(check, agent.ID)
    return verdict(check, Found("unseen", unseen.unseen, {"error": unseen.unseen}))


def _broken(error: Exception) -> Found:
    words = f"{type(error).__name__}: {error}"
    return Found("broken", words, {"error": words})


def problem(identity: str, fault: str = "wrong", **values: object) -> Problem:
    """A check's fault as what stops a run: the same id and texts as in every other use."""
    found = verdict(BY_ID[identity], Found(fault, values=values))
    return Problem(identity, found.cause, found.remedy)
