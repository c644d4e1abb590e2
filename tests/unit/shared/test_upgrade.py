"""How far an upgrade has come, and where requests go meanwhile."""

import pytest

from one_api_infra.shared import plain, upgrade
from one_api_infra.shared.upgrade import Phase, Upgrade

MADE = Upgrade("new", "old", Phase.STARTING, 1.0, "boot", "sum")


@pytest.mark.parametrize("phase", list(Phase))
def test_what_is_new_goes_to_the_second_one_after_its_proof_until_the_first_is_new(
    phase: Phase,
) -> None:
    port = upgrade.serving(MADE.at(phase, 2.0), 3000, 3001)
    assert port == (3001 if phase in {Phase.DRAINING, Phase.REPLACING} else 3000)
    assert upgrade.serving(None, 3000, 3001) == 3000


@pytest.mark.parametrize("phase", list(Phase))
def test_it_is_kept_through_a_kill(phase: Phase) -> None:
    made = MADE.at(phase, 2.0)
    assert plain.read(Upgrade, plain.write(made)) == made
    assert made.drains_since == 2.0


def test_payments_may_wait_elsewhere() -> None:
    one, two = upgrade.upstream(3000, payments=41234).split("upstream one_api_payments")
    assert "127.0.0.1:3000;" in one
    assert "keepalive" in one
    assert "127.0.0.1:41234;" in two
    assert "keepalive" not in two


@pytest.mark.parametrize("phase", list(Phase))
def test_where_nothing_listens_the_other_one_is_asked(phase: Phase) -> None:
    text = upgrade.served(MADE.at(phase, 2.0), 3000, 3001)
    assert ("backup" in text) == (phase in upgrade.BESIDE)
    assert "backup" not in text.partition("one_api_payments")[2]
    assert upgrade.served(None, 3000, 3001) == upgrade.upstream(3000)
