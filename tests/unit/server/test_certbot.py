"""certbot's notes: read, cleaned of other programs, and given a time to renew."""

import pytest

from one_api_infra.server.certbot import parse, renewing, without, without_hooks

NOTES = """# renew_before_expiry = 30 days
version = 5.8.0
archive_dir = /etc/one-api-infra/letsencrypt/archive/pay.example.com
[renewalparams]
account = 0123abcd
server = https://acme.example.com/directory
key_type = ecdsa
"""
HOOKS = "pre_hook = systemctl stop nginx\npost_hook=systemctl start nginx\nrenew_hook = /x\n"


def test_pairs() -> None:
    assert parse(NOTES)["server"] == "https://acme.example.com/directory"
    assert parse(NOTES)["account"] == "0123abcd"
    assert parse("") == {}


def test_hooks_go_and_the_rest_stays() -> None:
    assert without_hooks(NOTES + HOOKS) == NOTES
    assert without_hooks(NOTES) == NOTES
    assert without_hooks("") == ""


@pytest.mark.parametrize("days", [6, 45, 64, 90])
def test_renews_in_time_for_every_lifetime(days: int) -> None:
    once = renewing(NOTES, days * 86400)
    assert renewing(once, days * 86400) == once
    number, unit = parse(once)["renew_before_expiry"].split()
    hours = int(number) * {"days": 24, "hours": 1}[unit]
    assert 24 * days / 5 < hours < 24 * days / 2
    assert parse(once).items() >= parse(NOTES.partition("\n")[2]).items()


def test_a_provider_s_words_are_shown_without_its_secrets() -> None:
    words = "alidns: SignatureDoesNotMatch: key LTAI5tAbc+d, secret LTAI5tAbc+dEfg"
    assert without(words, ["LTAI5tAbc+d", "LTAI5tAbc+dEfg", "ali", ""]) == (
        "alidns: SignatureDoesNotMatch: key ******, secret ******"
    )
