"""Domains: hostile ones are refused with what was expected and the remedy."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_api_infra.desired.domain import MAX_LENGTH, Domain
from one_api_infra.shared.validation import ValidationError

ACCEPTED = {
    "pay.site-example.com": "pay.site-example.com",
    "Pay.Site-Example.COM": "pay.site-example.com",
    "site-example.co.uk": "site-example.co.uk",
    "x.github.io": "x.github.io",
    "支付.公司.cn": "xn--bnq875c.xn--55qx5d.cn",
    "例子.中国": "xn--fsqu00a.xn--fiqs8s",
    "MÜNCHEN-pay.de": "xn--mnchen-pay-9db.de",
}
REFUSED = {
    "https://pay.site-example.com": "without a scheme",
    "http://pay.site-example.com/": "without a scheme",
    "pay.site-example.com:443": "without port",
    "user@site-example.com": "without port or user",
    "pay.site-example.com/v1": "without a path",
    "pay.site-example.com/": "without a path",
    "pay.site-example.com?x=1": "without a path",
    "pay.site-example.com.": "no dot at the end",
    " pay.site-example.com": "no white space",
    "pay .site-example.com": "no white space",
    "pay.site-example.com\n": "no white space",
    "pay\u3000.site-example.com": "no white space",
    "ｐａｙ.site-example.com": "full-width",
    "pay。site-example。com": "full-width",
    "*.site-example.com": "no wildcard",
    "203.0.113.7": "not an IP address",
    "2001:db8::1": "not an IP address",
    "[2001:db8::1]": "not an IP address",
    "1.2.3": "not an IP address",
    "localhost": "at least two labels",
    "com": "at least two labels",
    "site.test": "reserved",
    "pay.example.com": "reserved",
    "site.local": "reserved",
    "x.onion": "reserved",
    "router.home.arpa": "reserved",
    "co.uk": "public suffix",
    "github.io": "public suffix",
    "a_b.site-example.com": "letters, digits and hyphens",
    "-a.site-example.com": "letters, digits and hyphens",
    "a..site-example.com": "letters, digits and hyphens",
    "a;rm -rf.com": "no white space",
    "a;reboot.com": "letters, digits and hyphens",
    "$(id).com": "letters, digits and hyphens",
    "x" * 64 + ".com": "at most 63",
    ".".join(["abcdefgh"] * 40): "at most 63",
    "": "is needed",
}


@pytest.mark.parametrize(("written", "kept"), ACCEPTED.items())
def test_accepted(written: str, kept: str) -> None:
    assert Domain.parse(written) == kept


@pytest.mark.parametrize(("written", "expected"), REFUSED.items())
def test_refused(written: str, expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Domain.parse(written, "callback_domain")
    (problem,) = caught.value.problems
    assert problem.path == "callback_domain"
    assert expected in problem.expected
    assert problem.remedy


@pytest.mark.parametrize("value", [None, [], ["pay.site-example.com"], 7, b"pay.com"])
def test_other_types(value: object) -> None:
    with pytest.raises(ValidationError, match=type(value).__name__):
        Domain.parse(value)


def test_lab_names_are_for_the_lab() -> None:
    assert Domain.parse("site.lab.test", lab=True) == "site.lab.test"
    with pytest.raises(ValidationError):
        Domain.parse("site.lab.test")


def test_origin_is_what_one_api_stores() -> None:
    assert Domain.parse("Pay.Site-Example.com").origin == "https://pay.site-example.com"


@given(st.text(max_size=80))
def test_whatever_passes_is_safe_everywhere(text: str) -> None:
    try:
        name = Domain.parse(text)
    except ValidationError:
        return
    assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name)
    assert len(name) <= MAX_LENGTH
    assert Domain.parse(str(name)) == name
