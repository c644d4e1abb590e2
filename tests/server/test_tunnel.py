"""Developers' tunnels on the server, where the inventory names any."""

import pytest
from testinfra.host import Host

from one_api_infra.desired.site import Site


@pytest.fixture(scope="module")
def tunnelled(site: Site) -> Site:
    """The site, where there are tunnels."""
    if not site.tunnels:
        pytest.skip("there are no tunnels")
    return site


def test_user_has_no_shell_and_no_password(host: Host, tunnelled: Site) -> None:
    for each in tunnelled.tunnels:
        assert host.user(each.user).shell == "/usr/sbin/nologin"
        assert host.check_output(f"passwd -S {each.user}").split()[1] == "L"


def test_sshd_lets_it_forward_to_its_own_folder_alone(host: Host, tunnelled: Site) -> None:
    for each in tunnelled.tunnels:
        rules = host.check_output(f"sshd -T -C user={each.user},host=x,addr=192.0.2.1")
        wanted = {
            "maxsessions 0", "permitopen none", "permitlisten none", "permittty no",
            "allowagentforwarding no", "x11forwarding no", "passwordauthentication no",
            "allowstreamlocalforwarding remote",
        }  # fmt: skip
        assert wanted <= set(rules.lower().splitlines())
        folder = host.file(f"/var/lib/one-api-tunnels/{each.user}")
        assert (folder.user, folder.group, folder.mode) == ("root", "root", 0o755)


def test_record_is_not_the_worlds(host: Host, tunnelled: Site) -> None:
    for each in tunnelled.tunnels:
        assert host.file(f"/var/log/one-api-infra/{each.user}.log").mode == 0o640


def test_what_was_missed_is_sent_by_a_timer(host: Host, tunnelled: Site) -> None:
    assert host.service("one-api-tunnel.timer").is_enabled
    assert host.service("one-api-tunnel.timer").is_running
