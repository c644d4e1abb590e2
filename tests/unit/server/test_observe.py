"""What the agent makes of what the server's own programs tell."""

import pytest

from one_api_infra.server.observe import clock_is_kept


@pytest.mark.parametrize(
    ("told", "uptime", "kept"),
    [
        (("NTP=yes", "NTPSynchronized=yes"), 1e6, True),
        (("NTP=yes", "NTPSynchronized=no"), 60, True),  # it has just started
        (("NTP=yes", "NTPSynchronized=no"), 3600, False),  # UDP 123 is closed
        (("NTP=no", "NTPSynchronized=yes"), 60, False),
        ((), 60, False),
    ],
)
def test_the_clock_is_kept_where_a_server_has_answered(
    told: tuple[str, ...], uptime: float, *, kept: bool
) -> None:
    assert clock_is_kept(told, uptime) is kept
