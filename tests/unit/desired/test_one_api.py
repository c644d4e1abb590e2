"""When One API is to be started anew, and the unit of its second instance."""

import pytest

from one_api_infra.desired import one_api
from one_api_infra.desired.snapshot import PathState, Snapshot
from one_api_infra.shared import paths, plain, units
from one_api_infra.shared.state import State
from one_api_infra.shared.upgrade import Phase, Upgrade
from tests.unit.examples import site

SHA = "ab" * 32
RUNS = {"ActiveState": "active", "UnitFileState": "enabled"}
ON_ITS_WAY = Upgrade(one_api.release(SHA), "old", Phase.DRAINING, 1.0, "boot", "sum")


def snapshot(release: str, upgrade: Upgrade | None = None, **probes: tuple[str, ...]) -> Snapshot:
    current = PathState("l", "root", "root", "777", target=f"{paths.ONE_API}/releases/{release}")
    state = (plain.write(State(upgrade=upgrade)),)
    known = {"started": ("one", "one"), "read_at_start": ("sum  -",), "state": state}
    return Snapshot(
        paths={paths.CURRENT: current}, units={units.ONE_API: RUNS}, probes={**known, **probes}
    )


def test_due() -> None:
    assert not one_api.is_due(SHA, snapshot(one_api.release(SHA)))
    assert one_api.is_due(SHA, snapshot("old"))
    assert one_api.is_due(SHA, snapshot(one_api.release(SHA), started=("one", "other")))


@pytest.mark.parametrize("phase", list(Phase))
def test_what_is_on_its_way_is_not_begun_again(phase: Phase) -> None:
    upgrade = ON_ITS_WAY.at(phase, 2.0)
    assert not one_api.is_due(SHA, snapshot("old", upgrade))
    assert one_api.is_due("cd" * 32, snapshot("old", upgrade))
    assert one_api.is_due(SHA, snapshot("old", upgrade, read_at_start=("other  -",)))


def test_the_second_instance_has_its_own_port_and_logs_and_no_boot() -> None:
    texts = {file.path: file.data.decode() for file in one_api.files(site())}
    own, second = texts[units.path(units.ONE_API)], texts[units.path(units.SECOND)]
    assert "WantedBy=" in own
    assert "WantedBy=" not in second
    assert f"UnsetEnvironment=PORT\nExecStart={paths.SECOND}/one-api --port 3001" in second
    assert "one-api-second" in second.partition("LogsDirectory=")[2].splitlines()[0]
    assert paths.STARTED not in second


@pytest.mark.parametrize(("theirs", "expected"), [
    ("", "site-example.com,pay.site-example.com"),
    ("shop.org, site-example.com", "site-example.com,pay.site-example.com,shop.org"),
])  # fmt: skip
def test_new_api_leads_payers_back_to_the_site_and_where_the_admin_says(
    theirs: str, expected: str
) -> None:
    given = {"TRUSTED_REDIRECT_DOMAINS": theirs} if theirs else {}
    made = site(
        edition="new-api", domain="site-example.com", callback_domain="pay.site-example.com",
        environment=given,
    )  # fmt: skip
    assert dict(one_api.variables(made))["TRUSTED_REDIRECT_DOMAINS"] == expected


@pytest.mark.parametrize(
    ("told", "is_due"),
    [
        ((plain.write(State(journal="rollback")),), True),
        ((plain.write(State(journal="wal")),), False),
        (("ModuleNotFoundError: No module named 'cryptography'",), True),  # nobody can tell
        ((), False),
    ],
)
def test_sqlite_is_let_write_ahead_unless_it_does(told: tuple[str, ...], *, is_due: bool) -> None:
    seen = Snapshot(probes={"state": told})
    assert one_api.is_journal_due(site(), seen) is is_due
    on_another = site(database_url="postgres://a:b@db.example.com/c")
    assert not one_api.is_journal_due(on_another, seen)
