"""Verdicts as a Prometheus textfile, for node_exporter's textfile collector."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import State, Verdict
from one_api_infra.shared import paths

NUMBERS = {State.OK: 0, State.WARNING: 1, State.FAILED: 2}


def write(verdicts: Sequence[Verdict], observation: Observation, undelivered: int) -> None:
    """Write all metrics; a check that was skipped has no value, as it has no verdict."""
    registry = CollectorRegistry()
    check = Gauge(
        "one_api_check",
        "Verdict of a check: 0 ok, 1 warning, 2 failed",
        ["id", "level"],
        registry=registry,
    )
    for each in verdicts:
        if each.state in NUMBERS:
            check.labels(each.id, each.level.name.lower()).set(NUMBERS[each.state])
    ends = Gauge(
        "one_api_certificate_not_after_seconds",
        "End of the certificate that is served",
        ["name"],
        registry=registry,
    )
    for shake in observation.handshakes:
        if not shake.error:
            ends.labels(shake.name).set(shake.not_after)
    ran = Gauge("one_api_monitor_run_seconds", "When the monitor ran last", registry=registry)
    ran.set(observation.now)
    waiting = Gauge("one_api_monitor_undelivered", "Channels that took no alert", registry=registry)
    waiting.set(undelivered)
    write_to_textfile(paths.METRICS, registry)
