"""Level 7: what the callback service has done, and what waits for the admin."""

from typing import Any

from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Note, Skip
from one_api_infra.shared import intervals, silence, test_payment, units
from one_api_infra.shared.server_observation import Silent
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.unobserved import observed

STRANGERS = 2.0  # callbacks a second that nobody signed; scanners are far below


def _no_agent() -> Skip:
    return Skip(_("the callback service is off"))


def _whole(observation: Observation) -> Finding:
    ledger = observed(observation.on_server.callbacks)
    if ledger is None:
        return _no_agent()
    return Found("rebuilt") if ledger.state.is_rebuilt else None


def _flood(observation: Observation) -> Finding:
    ledger = observed(observation.on_server.callbacks)
    if ledger is None:
        return _no_agent()
    rate = ledger.state.strangers
    if rate > STRANGERS:
        return Found("flood", f"{rate:.0f}/s", {"rate": f"{rate:.0f}"})
    return Found("behind") if ledger.state.is_behind else None


def _ledger(observation: Observation) -> Finding:
    ledger = observed(observation.on_server.callbacks)
    if ledger is None:
        return _no_agent()
    if not ledger.is_active:
        return Found("stopped", units.CALLBACKS_TIMER)
    age = min(
        observation.now - ledger.state.ran, observation.on_server.uptime
    )  # after a reboot it takes a while
    if age > intervals.CALLBACKS_LATE:
        return Found("old", f"{age:.0f} s", {"minutes": intervals.CALLBACKS_LATE // 60})
    return None


def _sight(observation: Observation) -> Finding:
    ledger = observed(observation.on_server.callbacks)
    if ledger is None:
        return _no_agent()
    return Found("blind") if ledger.state.is_blind else None


def _answers(observation: Observation) -> Finding:
    ledger = observed(observation.on_server.callbacks)
    if ledger is None:
        return _no_agent()
    without = [each for each in ledger.state.silent if _has_no_query(each)]
    for each in ledger.state.silent:
        if each not in without:
            values = {"row": each.title, "reason": silence.words(each.reason)}
            return Found("silent", each.reason, values)
    if not without:
        return None
    rows = ", ".join(each.title for each in without)
    return Note(_("{row} has no query: its callbacks alone tell", row=rows))


def _has_no_query(silent: Silent) -> bool:
    return silent.reason == silence.NO_QUERY and not silent.has_told


def _cases(observation: Observation) -> Finding:
    ledger = observed(observation.on_server.callbacks)
    if ledger is None:
        return _no_agent()
    return Found("open", "", {"count": ledger.state.cases}) if ledger.state.cases else None


def _tested(observation: Observation) -> Finding:
    ledger = observed(observation.on_server.callbacks)
    if ledger is None:
        return _no_agent()
    if not ledger.state.tested:
        return Skip(_("no test payment was made yet: `one-api-infra test-payment` makes one"))
    failed = next((each for each in ledger.state.tested if each.step), None)
    if failed is None:
        return Note(test_payment.proved(ledger.state.tested, observation.now))
    step = _(test_payment.STEPS.get(failed.step, failed.step))
    return Found("failed", failed.step, {"row": failed.title, "step": step})


def _check(name: str, means: str, faults: dict[str, Fault], judge: Any, *needs: str) -> Check:
    return Check(name, Level.FLOW, means, faults, judge, needs)


CHECKS = (
    _check(
        "ledger.is_fresh",
        N_("The callback service has brought its ledger up to date lately"),
        {
            "stopped": Fault(
                N_("one-api-callbacks.timer does not run: lost payments are not reconciled"),
                N_("`systemctl enable --now one-api-callbacks.timer`"),
            ),
            "old": Fault(
                N_("the callback service has not finished a run for more than {minutes} minutes"),
                N_(
                    "read `journalctl -u one-api-callbacks`,"
                    " then `systemctl restart one-api-callbacks.timer`"
                ),
            ),
        },
        _ledger,
    ),
    _check(
        "ledger.flood",
        N_("Nobody floods the callback routes"),
        {
            "flood": Fault(
                N_("strangers send {rate} callbacks a second; they are refused, and none is lost"),
                N_(
                    "block the addresses that send most at your provider: `grep -oE"
                    ' \'"client":"[^"]*"\' /var/log/one-api-infra/callbacks.log | sort | uniq -c'
                    " | sort -rn | head`"
                ),
            ),
            "behind": Fault(
                N_(
                    "the callback service has not read the callback log to its end: more comes"
                    " than it reads"
                ),
                N_("wait for the flood's end; what gateways say is credited all the while"),
                is_warning=True,
            ),
        },
        _flood,
    ),
    _check(
        "ledger.is_whole",
        N_("The ledger of callbacks is the one it always was"),
        {
            "rebuilt": Fault(
                N_(
                    "the ledger was damaged, and was made anew from the callback log and One API's"
                    " orders; what was done by hand before is known no more"
                ),
                N_(
                    "look at the open cases of `one-api-infra report`; when they are right:"
                    " `rm /var/lib/one-api-callbacks/ledger.db.damaged`"
                ),
                is_warning=True,
            )
        },
        _whole,
    ),
    Check(
        "ledger.can_judge",
        Level.FLOW,
        N_("The callback service has the key by which callbacks are judged"),
        {
            "blind": Fault(
                N_(
                    "the callback service judges and reconciles nothing: it cannot read the"
                    " gateway's key"
                ),
                N_(
                    "read `journalctl -u one-api-database`; the key is the option EpayKey, which"
                    " stands in New API's payment settings"
                ),
            )
        },
        _sight,
    ),
    _check(
        "ledger.can_ask",
        N_("Gateways answer when they are asked for an order"),
        {
            "silent": Fault(
                N_(
                    "{row} answers no question about its orders ({reason}): a payment of which no"
                    " callback tells is not seen"
                ),
                N_(
                    "mend the key in the payment row, or ask the gateway to let this server's"
                    " address through to its query (epay: `api.php`); until then look in its own"
                    " list for orders that are pending here"
                ),
                is_warning=True,
            )
        },
        _answers,
    ),
    _check(
        "ledger.has_no_case",
        N_("No payment waits for the admin"),
        {
            "open": Fault(
                N_("payments that the callback service cannot reconcile: {count}"),
                N_("`one-api-infra report` lists them with what is to be done"),
                is_warning=True,
            )
        },
        _cases,
    ),
    _check(
        "payment.test",
        N_("The last test payment of each payment row was credited"),
        {
            "failed": Fault(
                N_("the last test payment of {row} has not passed this step: {step}"),
                N_("`one-api-infra test-payment`: a new one shows whether it is mended"),
                is_warning=True,
            )
        },
        _tested,
    ),
)
