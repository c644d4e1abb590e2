"""Which certificate is served, and when one is renewed."""

from typing import Any

import pytest

from one_api_infra.shared.certificate import choose, differing, renew_before
from tests.unit.examples import DAY, NOW, certificate

NAMES = ("pay.site-example.com",)
OLD = {"name": "old.site-example.com", "names": ("old.site-example.com",)}
UNFIT: list[dict[str, Any]] = [
    {"not_after": NOW - 1},
    {"not_before": NOW + 1},
    {"key_matches": False},
    {"self_signed": True},
]


@pytest.mark.parametrize("values", UNFIT, ids=str)
def test_unfit_is_not_served(values: dict[str, Any]) -> None:
    assert choose([certificate(**values)], NAMES, NOW, lab=False) is None


def test_self_signed_is_served_in_the_lab_only() -> None:
    assert choose([certificate(self_signed=True)], NAMES, NOW, lab=True)


def test_old_domain_is_served_until_the_new_one_can_be() -> None:
    old = certificate(**OLD)
    assert choose([old], NAMES, NOW, lab=False) == old
    assert choose([old, certificate()], NAMES, NOW, lab=False) == certificate()


def test_wildcard_covers_one_label() -> None:
    wild = certificate(names=("*.site-example.com",))
    assert wild.covers(NAMES)
    assert not wild.covers(("a.b.site-example.com",))


@pytest.mark.parametrize("days", [90, 64, 45, 6, 1])
def test_renewal_is_a_third_before_the_end(days: int) -> None:
    hours = int(renew_before(days * DAY).split()[0])
    assert abs(hours - days * 8) <= 1


@pytest.mark.parametrize(
    ("profile", "noted", "differs"),
    [
        ("shortlived", "shortlived", False),
        ("shortlived", "", True),  # it was wished for later
        (None, "shortlived", True),  # its certificates of six days would go on
        (None, "None", False),
        (None, "", False),
    ],
)
def test_a_profile_that_is_wished_for_no_more_is_another(
    profile: str | None, noted: str, *, differs: bool
) -> None:
    wanted = {"required_profile": profile} if profile else {}
    found = {"required_profile": noted} if noted else {}
    assert bool(differing(wanted, found)) is differs
