"""Level 7: the probe went all the way, and what works by itself did its work."""

import re
from typing import Any

from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Note, Skip
from one_api_infra.shared import intervals, test_payment, units
from one_api_infra.shared.server_observation import observed
from one_api_infra.shared.texts import N_, _

STRANGERS = 2.0  # callbacks a second that nobody signed; scanners are far below
MONITOR = N_("`systemctl enable --now one-api-monitor.timer`, `systemctl start one-api-monitor`")
CONFIGURATION = re.compile(r" in (/\S+?):\d+")


def _no_agent() -> Skip:
    return Skip(_("the callback service is off"))


def _no_channel() -> Skip:
    return Skip(_('no "alert_urls" are set: nobody is told of a fault'))


def _probe(observation: Observation) -> Finding:
    log = observed(observation.on_server.callback_log)
    if not observation.callbacks:
        return Skip(_("no callback route was asked"))
    ledger = observed(observation.on_server.callbacks)
    if not log.probes and ledger and ledger.state.strangers > STRANGERS:
        return Skip(_("among so many callbacks the probe was not looked for"))
    return None if log.probes else Found("missing", log.path, {"path": log.path})


def _nginx(observation: Observation) -> Finding:
    nginx = observed(observation.on_server.nginx)
    if nginx.problem:
        found = CONFIGURATION.search(nginx.problem)
        path = found[1] if found else ""
        ours = not path or path.startswith("/etc/nginx/one-api") or path == "/etc/nginx/nginx.conf"
        values = {"path": path, "problem": nginx.problem}
        return Found("broken" if ours else "foreign", nginx.problem, values)
    return None if nginx.is_loaded else Found("stale")


def _folders(observation: Observation) -> Finding:
    path = observed(observation.on_server.nginx).closed
    return Found("closed", path, {"path": path}) if path else None


def _firewall(observation: Observation) -> Finding:
    firewall = observed(observation.on_server.firewall)
    if not firewall.is_loaded:
        return Found("open")
    if not firewall.is_as_loaded:
        return Found("changed")
    return None if firewall.is_guarded else Found("unguarded")


def _docker(observation: Observation) -> Finding:
    ports = ", ".join(observed(observation.on_server.firewall).published)
    return Found("published", ports, {"ports": ports}) if ports else None


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


def _units(observation: Observation) -> Finding:
    failed = observed(observation.on_server.failed_units)
    return Found("failed", " ".join(failed), {"unit": failed[0]}) if failed else None


def _monitor(observation: Observation) -> Finding:
    monitor = observed(observation.on_server.monitor)
    if not monitor.is_active:
        return Found("stopped", units.MONITOR_TIMER)
    age = min(
        observation.now - monitor.ran, observation.on_server.uptime
    )  # after a reboot it takes a minute
    return Found("old", f"{age:.0f} s") if age > intervals.MONITOR_LATE else None


def _channel(observation: Observation) -> Finding:
    monitor = observed(observation.on_server.monitor)
    if not monitor.channels:
        return _no_channel()
    channels = ", ".join(monitor.undelivered)
    return Found("failed", channels, {"channel": channels}) if channels else None


def _watchdog(observation: Observation) -> Finding:
    monitor = observed(observation.on_server.monitor)
    if not monitor.channels:
        return _no_channel()
    return None if monitor.is_watched else Found("stopped", units.WATCHDOG_TIMER)


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
        "callback_log.has_probe",
        N_("The probe of the callback route stands in the callback log"),
        {
            "missing": Fault(
                N_("the probe is not in {path}: callbacks are not recorded"),
                N_("`pyinfra inventory.py deploys/nginx.py`, then `systemctl reload nginx`"),
            )
        },
        _probe,
        "callback.answered",
        "callback.no_redirect",
    ),
    _check(
        "nginx.folders",
        N_("nginx can keep what is too large for its memory"),
        {
            "closed": Fault(
                N_("nginx may not write in {path}: long answers and large requests break off"),
                N_("`chown www-data: {path}`, `chmod 700 {path}`"),
            )
        },
        _folders,
    ),
    _check(
        "nginx.is_loaded",
        N_("nginx runs with the configuration that is on disk"),
        {
            "broken": Fault(
                N_("nginx would not start or reload any more: {problem}"),
                N_("`pyinfra inventory.py deploys/nginx.py`"),
            ),
            "foreign": Fault(
                N_("nginx would not start or reload any more: {problem}"),
                N_(
                    "mend {path}, or take it away: `mv {path} /root/`, `nginx -t && systemctl"
                    " reload nginx`"
                ),
            ),
            "stale": Fault(
                N_("nginx' configuration was changed after it was loaded"),
                N_("`nginx -t && systemctl reload nginx`"),
            ),
        },
        _nginx,
    ),
    _check(
        "firewall.is_loaded",
        N_("The firewall is loaded"),
        {
            "open": Fault(
                N_("the firewall is not loaded: what listens here is open to the world"),
                N_("`systemctl reload-or-restart one-api-firewall`"),
            ),
            "changed": Fault(
                N_("somebody has changed the loaded rules of the firewall"),
                N_("`systemctl reload-or-restart one-api-firewall`"),
            ),
            "unguarded": Fault(
                N_("the routing rule is gone that keeps One API's port closed without a firewall"),
                N_("`systemctl reload-or-restart one-api-firewall`"),
            ),
        },
        _firewall,
    ),
    _check(
        "firewall.docker",
        N_("No container is published past the firewall"),
        {
            "published": Fault(
                N_("Docker publishes {ports} to the world: such ports do not pass the firewall"),
                N_("publish them on this server alone: `docker run -p 127.0.0.1:PORT:PORT`"),
                is_warning=True,
            )
        },
        _docker,
    ),
    _check(
        "system.units",
        N_("No unit has failed"),
        {
            "failed": Fault(
                N_("{unit} has failed"),
                N_("`systemctl status {unit}`; when it is mended, `systemctl reset-failed {unit}`"),
                is_warning=True,
            )
        },
        _units,
    ),
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
    _check(
        "monitor.ran",
        N_("The monitor ran lately"),
        {
            "stopped": Fault(N_("one-api-monitor.timer does not run"), MONITOR),
            "old": Fault(
                N_("the monitor has not run for more than a quarter of an hour"),
                MONITOR,
            ),
        },
        _monitor,
    ),
    _check(
        "monitor.watchdog",
        N_("Somebody tells if the monitor is silent"),
        {
            "stopped": Fault(
                N_("one-api-watchdog.timer does not run: if the monitor stops, nobody is told"),
                N_("`pyinfra inventory.py deploys/watchdog.py`"),
            )
        },
        _watchdog,
    ),
    _check(
        "monitor.channel",
        N_("Alerts reach their channels"),
        {
            "failed": Fault(
                N_("the last alert did not reach {channel}"),
                N_('mend "alert_urls", deploy, and read `journalctl -u one-api-monitor`'),
            )
        },
        _channel,
    ),
)
