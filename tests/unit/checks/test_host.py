"""How long the room on a disk lasts."""

import pytest

from one_api_infra.checks import host


def rooms(*free: float, every: float = 180) -> list[host.Room]:
    """Samples of one mount, in MiB, ``every`` so many seconds."""
    return [(number * every, {"/": each}) for number, each in enumerate(free)]


def test_steady_loss_tells_when_the_disk_is_full() -> None:
    lasts = host.minutes_to_full(rooms(10_000, 9_000, 8_000))
    assert lasts["/"] == pytest.approx(24)


@pytest.mark.parametrize(
    ("samples"),
    [
        (rooms(10_000, 1_000)),  # a burst
        (rooms(10_000, 9_000, 8_000, 7_000, every=10)),  # too short to be a trend
        (rooms(10_000, 5_000, 5_000, 1_000)),  # two bursts
        (rooms(10_000, 9_000, 9_500)),
        (rooms()),
        ([(0.0, {}), (400.0, {"/": 5.0})]),  # a mount that was not there before
    ],
)
def test_what_is_no_trend_tells_nothing(samples: list[host.Room]) -> None:
    assert host.minutes_to_full(samples) == {}


def test_old_samples_are_dropped() -> None:
    kept = host.recent(rooms(*range(9, 0, -1)))
    assert [each[0] for each in kept] == [900, 1080, 1260, 1440]
