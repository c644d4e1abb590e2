"""What is sent again to a developer, and how sshd's rules are read."""

import pytest

from one_api_infra.server.observe_tunnels import has_rules, is_barred
from one_api_infra.server.tunnel import GIVE_UP, ascii_uri, is_due
from one_api_infra.shared.callback import Callback
from one_api_infra.shared.tunnel import Tunnel

ALICE = Tunnel("alice", "alice.site-example.com", "ssh-ed25519 AAAA alice")
RULES = [
    "chrootdirectory /var/lib/one-api-tunnels/%u",
    "forcecommand /usr/sbin/nologin",
    "maxsessions 0",
    "disableforwarding no",
]
NOW = 1_700_000_000.0


def callback(status: int, *, at: float = NOW, is_whole: bool = True) -> Callback:
    return Callback(
        "1", at, "192.0.2.1", "POST", "/x", "", "", "", {}, b"", is_whole, status, None, 0, 0.1, ""
    )


@pytest.mark.parametrize("status", [502, 504])
def test_what_nobody_answered_is_sent_again(status: int) -> None:
    assert is_due(callback(status), NOW)


@pytest.mark.parametrize("status", [200, 204, 400, 404, 429, 500, 503])
def test_what_one_api_answered_or_nginx_refused_is_not(status: int) -> None:
    assert not is_due(callback(status), NOW)


def test_what_is_old_or_cut_is_not() -> None:
    assert not is_due(callback(502, at=NOW - GIVE_UP), NOW)
    assert not is_due(callback(502, is_whole=False), NOW)


@pytest.mark.parametrize(
    ("uri", "sent"),
    [
        ("/a?b=c%20d", "/a?b=c%20d"),
        ("/a?name=商品", "/a?name=%E5%95%86%E5%93%81"),
        ("/é", "/%C3%A9"),
    ],
)
def test_letters_become_percent_signs(uri: str, sent: str) -> None:
    assert ascii_uri(uri) == sent


def test_rules_are_ours_only_whole() -> None:
    assert has_rules(RULES, ALICE)
    for line in RULES:
        assert not has_rules([each for each in RULES if each != line], ALICE)


@pytest.mark.parametrize(
    ("line", "barred"),
    [
        ("allowusers root", True),
        ("allowusers one-api-tunnel-*", False),
        ("allowusers one-api-tunnel-alice@192.0.2.*", False),
        ("allowgroups wheel", True),
        ("denyusers one-api-tunnel-alice", True),
        ("denygroups staff", False),
        ("port 22", False),
    ],
)
def test_other_settings_may_bar_it(line: str, barred: bool) -> None:
    assert is_barred([*RULES, line], ALICE.user) is barred
