"""The quietest hour of a day."""

from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.shared.clock import quiet_hour

HOURS = st.dictionaries(st.sampled_from([f"{hour:02}" for hour in range(24)]), st.integers(0, 99))


def test_it_is_in_the_middle_of_the_quiet_ones() -> None:
    assert quiet_hour({f"{hour:02}": 10 for hour in range(7, 24)} | {"03": 0}) == 1


def test_few_callbacks_tell_nothing() -> None:
    assert quiet_hour({"12": 49}) is None


@given(HOURS)
def test_no_hour_has_fewer_callbacks_around_it(callbacks: dict[str, int]) -> None:
    hour = quiet_hour(callbacks)
    around = [sum(callbacks.get(f"{(each + by) % 24:02}", 0) for by in (-1, 0, 1))
              for each in range(24)]  # fmt: skip
    assert hour is None or around[hour] == min(around)
