"""Which earlier domains are served, and how long."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.desired import nginx
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import former_domains, plain
from one_api_infra.shared.former_domains import GIVE_UP
from one_api_infra.shared.state import State
from tests.unit.examples import NOW, certificate, site

SECONDS = st.integers(0, int(2 * GIVE_UP))
OLD = certificate(name="old.site-example.com", names=("old.site-example.com",))


def seen(*former: object, awaited: tuple[str, ...] = ()) -> Snapshot:
    state = State((certificate(),), former=former, awaited=awaited)  # type: ignore[arg-type]
    return Snapshot(probes={"state": (plain.write(state),), "time": (str(NOW),)})


def parts(*former: object) -> str:
    shown = seen(*former)
    return nginx.parts(site(), nginx.Features.of(site(), shown))[former_domains.PART]


def test_old_name_is_served_for_callbacks_alone() -> None:
    text = parts(OLD)
    assert "server_name old.site-example.com;" in text
    assert "include /etc/nginx/one-api/callbacks.conf;" in text
    assert "relay.conf" not in text
    assert "return 301 https://pay.site-example.com$request_uri;" in text


def test_no_name_of_the_site_is_served_twice() -> None:
    own = certificate(name="x", names=("pay.site-example.com",))
    both = replace(OLD, names=("pay.site-example.com", "old.site-example.com"))
    assert "server {" not in parts(own)
    assert "server_name old.site-example.com;" in parts(both)


def test_what_is_not_valid_is_not_served() -> None:
    for unfit in ({"not_after": NOW - 1}, {"key_matches": False}, {"self_signed": True}):
        assert "server {" not in parts(replace(OLD, **unfit))


def test_blocks_go_one_by_one() -> None:
    """What the server leaves of the part is what the next deploy would write."""
    other = replace(OLD, name="older.site-example.com", names=("older.site-example.com",))
    assert former_domains.without(parts(OLD, other), [OLD.name]) == parts(other)
    assert former_domains.without(parts(OLD, other), [OLD.name, other.name]) == parts()


@given(st.lists(SECONDS), SECONDS, SECONDS)
def test_awaited_while_one_may_be_called_for(made: list[int], since: int, now: int) -> None:
    found = former_domains.is_awaited(made, since, now)
    assert found == any(each <= since and each > now - GIVE_UP for each in made)
    assert not former_domains.is_awaited([], since, now)
