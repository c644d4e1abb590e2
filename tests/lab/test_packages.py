"""A package that somebody has taken away comes back with the next run, whatever it takes along."""

from collections.abc import Callable

import pytest

from one_api_infra.desired import system
from tests.lab.sites import LabSite

# Without it the lab's host has no network.
KEPT = "iproute2"
CASES = [(name, "purge") for name in system.PACKAGES if name != KEPT]
CASES += [("nginx", "remove"), ("nginx nginx-common libnginx-mod-http-js", "purge")]


@pytest.mark.long
@pytest.mark.parametrize(("names", "how"), CASES)
def test_comes_back(clone: Callable[[str], LabSite], names: str, how: str) -> None:
    site = clone("debian-13")
    before = site.host.ssh("dpkg-query -W -f='${db:Status-Status} ${Package}\\n'")
    site.host.ssh(f"DEBIAN_FRONTEND=noninteractive apt-get -qq {how} -y {names}")
    assert site.host.ssh("dpkg-query -W -f='${db:Status-Status} ${Package}\\n'") != before
    site.converge()
    assert site.deploy("-y", "--json").changed == []
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout


@pytest.mark.long
def test_nginx_comes_back_with_the_packages_alone(clone: Callable[[str], LabSite]) -> None:
    """dpkg configures it before the module that the site's configuration asks for."""
    site = clone("debian-13")
    site.host.ssh("DEBIAN_FRONTEND=noninteractive apt-get -qq remove -y nginx")
    done = site.deploy("-y", name="system")
    assert done.code == 0, done.stderr
    site.converge()
    assert site.deploy("-y", "--json").changed == []
