"""A repository that cannot be reached for a day: one alert, and one all-clear."""

from dataclasses import replace

from one_api_infra.checks import backup, catalogue
from one_api_infra.checks.alerts import Memory, decide
from one_api_infra.shared.backup import Backup, StreamDrill
from one_api_infra.shared.server_observation import Server
from tests.unit.checks.observations import SOUND
from tests.unit.examples import NOW

STEP, HOUR, DAY = 180.0, 3600.0, 86_400.0


def seen(server: Server, at: float, away: tuple[float, float]) -> Server:
    """What the monitor sees at a time: a run each hour, a stream and a journal that never rest."""
    is_away = away[0] < at < away[1]
    ran = at - at % HOUR
    last = away[0] - away[0] % HOUR if away[0] < ran < away[1] else ran
    found = server.backup
    assert isinstance(found, Backup)
    assert found.stream
    assert found.journal
    reason = "unreachable" if away[0] < ran < away[1] else ""
    (repository,) = found.repositories
    failed = StreamDrill(at, away[0], "broken", "unreachable")
    drill = failed if is_away else StreamDrill(at)
    sent = away[0] if is_away else at
    return replace(
        server,
        now=at,
        backup=replace(
            found,
            repositories=(replace(repository, tried=ran, saved=last, reason=reason),),
            journal=replace(found.journal, sent=0.0 if is_away else at),
            journal_written=at - 1,
            stream=replace(found.stream, changed=at - 1, stored=sent, drill=drill),
        ),
    )


def test_one_alert_and_one_all_clear() -> None:
    away = (NOW + 1800, NOW + DAY + 1800)
    memory, faults, healed = Memory(), list[str](), list[str]()
    at = NOW
    while at < NOW + 2 * DAY:
        assert isinstance(SOUND.server, Server)
        known = replace(SOUND, server=seen(SOUND.server, at, away), now=at)
        verdicts = catalogue.judge(known, backup.CHECKS)
        memory, due = decide(memory, verdicts, at, HOUR)
        faults += [each.id for each in due.faults]
        healed += due.healed
        at += STEP
    assert faults == ["backup.repository"]
    assert healed == ["backup.repository"]
