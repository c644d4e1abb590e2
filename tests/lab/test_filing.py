"""A name without an ICP filing: one fault, named before the CA is asked, and nowhere else."""

import json

import pytest

from one_api_infra.lab.process import run
from tests.lab import clouds
from tests.lab.sites import LabSite
from tests.lab.test_status import from_outside, status

CHECK = "network.is_filed"


def _failed(site: LabSite) -> dict[str, str]:
    seen = status(site, *from_outside(site, site.lab.network.service("dns")), "--json")
    (verdicts,) = json.loads(seen.stdout).values()
    return {each["id"]: each["cause"] for each in verdicts if each["state"] == "failed"}


def test_each_cloud_is_named_and_nothing_else(site: LabSite) -> None:
    assert _failed(site) == {}
    with clouds.before(site, clouds.ALIBABA):
        assert list(failed := _failed(site)) == [CHECK]
        assert "Alibaba Cloud" in failed[CHECK]
    with clouds.before(site, clouds.TENCENT, resets=False):
        assert list(failed := _failed(site)) == [CHECK]
        assert "Tencent Cloud" in failed[CHECK]
    with clouds.before(
        site, "HTTP/1.1 301 Moved\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n"
    ):
        assert list(failed := _failed(site)) == [CHECK]
        assert "reset" in failed[CHECK]
    assert _failed(site) == {}


@pytest.mark.long
def test_the_ca_is_not_asked_while_it_lasts(site: LabSite) -> None:
    site.settings["domain"] = "unfiled.lab.test"
    site.lab.point("unfiled.lab.test", site.host)
    before = _orders(site)
    with clouds.before(site, clouds.ALIBABA):
        stopped = site.deploy("-y")
        assert stopped.code != 0
        assert CHECK in stopped.stderr
        assert "备案" in stopped.stderr
    assert _orders(site) == before
    site.converge()
    assert _orders(site) > before
    assert clouds.TABLE not in run("nft", "list", "tables")


def _orders(site: LabSite) -> int:
    return site.lab.ca.orders("staging") + site.lab.ca.orders("production")
