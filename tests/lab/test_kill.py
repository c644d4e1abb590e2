"""A run that is killed leaves nothing half: the next one converges."""

import random
from collections.abc import Callable

import pytest

from tests.lab.kills import kill_at
from tests.lab.sites import LabSite

# The operations at which the first run dies, one kill after the other on one host.
POINTS = (2, 9, 14, 16, 18, 24, 27, 29, 32, 40)


@pytest.mark.long
def test_ten_kills_then_converged(blank: Callable[[str], LabSite]) -> None:
    site = blank("debian-12")
    site.inventory()
    dice = random.Random(1)
    for point in POINTS:
        kill_at(site, point, dice.random())
    site.converge()
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout
    assert site.deploy("-y", "--json").changed == []
    assert site.host.ssh("find / -xdev -name '.*.????????' -newer /etc/hostname -type f") == ""
    assert site.host.ssh("ls -d /opt/one-api-infra/venv-* | wc -l").strip() == "1"
