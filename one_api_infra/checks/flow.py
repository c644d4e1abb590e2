"""Level 7: the probe went all the way, and what works by itself did its work."""

import re
from typing import Any

from one_api_infra.checks.ledger import STRANGERS
from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.shared import intervals, units
from one_api_infra.shared.server_observation import Callbacks
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.unobserved import observed

MONITOR = N_("`systemctl enable --now one-api-monitor.timer`, `systemctl start one-api-monitor`")
CONFIGURATION = re.compile(r" in (/\S+?):\d+")


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
    service = observation.on_server.callbacks
    of_service = service.state.undelivered if isinstance(service, Callbacks) else ()
    channels = ", ".join(sorted({*monitor.undelivered, *of_service}))
    return Found("failed", channels, {"channel": channels}) if channels else None


def _watchdog(observation: Observation) -> Finding:
    monitor = observed(observation.on_server.monitor)
    if not monitor.channels:
        return _no_channel()
    return None if monitor.is_watched else Found("stopped", units.WATCHDOG_TIMER)


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
                N_(
                    'mend "alert_urls", and deploy; why it was not taken, on the server:'
                    " `journalctl -u one-api-monitor -u one-api-callbacks`"
                ),
            )
        },
        _channel,
    ),
)
