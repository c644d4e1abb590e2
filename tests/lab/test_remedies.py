"""An admin who follows each case to the letter, on the stand-in for One Hub."""

import random

import pytest

from benchmarks import remedies
from benchmarks.payments import Shop
from tests.lab.sites import LabSite

STEP = 3  # hours between two runs of the agent


@pytest.mark.long
@pytest.mark.timeout(900)
def test_what_was_paid_is_what_was_credited(site: LabSite) -> None:
    shop = Shop(site, random.Random(1), ["epay"])
    shop.open()
    told, surplus, left = remedies.perform(shop, STEP)
    assert surplus == 0, told
    assert left == []
    # Each kind of case was told of; a play in which nothing goes wrong proves nothing.
    names = {words.partition(":")[0] for words in told}
    assert {"paid late", "died before the quota", "thief", "half paid"} <= names
