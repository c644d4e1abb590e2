"""certbot's own words, as versions 2.1 to 5 say them, and what they come to."""

import pytest

from one_api_infra.shared import acme

CHALLENGE = """Some challenges have failed.
Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority
reported these problems:
  Domain: pay.site-example.com
  Type:   {type}
  Detail: 93.184.215.14: {detail}

Hint: The Certificate Authority failed to download the temporary challenge files.
Ask for help or search for solutions at https://community.letsencrypt.org.
"""
REFUSED = """Cleanup of x failed: dnsupdate: failed to remove: DNS update failed: replied REFUSED
Failed to renew certificate x with error: dnsupdate: failed to insert: replied REFUSED
All simulated renewals failed. The following certificates could not be renewed:
  /etc/x/fullchain.pem (failure)
1 renew failure(s), 0 parse failure(s)
"""
WORDS = [
    ("Account at /etc/x/accounts/ca/dir/0a1b does not exist", "account"),
    ("An unexpected error occurred:\nUnable to validate JWS :: urn:ietf:params:acme:error:"
     "accountDoesNotExist", "account"),
    ("Could not find an existing account for server https://ca/dir.", "account"),
    ("The requested apache plugin does not appear to be installed", "plugin"),
    ("Could not bind TCP port 80 because it is already in use", "plugin"),
    ("urn:ietf:params:acme:error:rateLimited :: There were too many requests", "limited"),
    ("too many certificates (5) already issued for this exact set of domains", "limited"),
    (CHALLENGE.format(type="caa", detail="CAA record prevents issuance"), "caa"),
    (CHALLENGE.format(type="dns", detail="NXDOMAIN looking up A"), "dns"),
    (CHALLENGE.format(type="connection", detail="Timeout during connect"), "closed"),
    (CHALLENGE.format(type="unauthorized", detail="Invalid response: 404"), "challenge"),
    ("requests.exceptions.ConnectionError: HTTPSConnectionPool(host='ca'): Max retries exceeded",
     "ca"),
    ("PermissionError: [Errno 13] Permission denied: '/etc/x'", "writing"),
    ("dnsupdate: failed to insert: DNS update failed: dns: bad authentication", "provider"),
    ("cloudflare: failed to find zone x.: error: dial tcp: i/o timeout", "provider"),
    ("alicloud: some credentials information are missing: ALICLOUD_SECRET_KEY", "provider"),
    ("unrecognized DNS provider: nosuch", "provider"),
    (REFUSED, "provider"),
    ("certbot: error: unrecognized arguments: --x", "failed"),
    (CHALLENGE.format(type="unauthorized", detail="No TXT record found at x"), "txt"),
    (CHALLENGE.format(type="unauthorized", detail='Incorrect TXT record "x" found at y'), "txt"),
    (CHALLENGE.format(type="unauthorized", detail="Correct value not found for DNS challenge"),
     "txt"),
    ("Something new", "failed"),
    ("", "failed"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "reason"), WORDS)
def test_reason(words: str, reason: str) -> None:
    assert acme.reason(words) == reason


def test_detail_is_the_cas_own() -> None:
    words = CHALLENGE.format(type="connection", detail="Timeout during connect")
    assert acme.detail(words) == "93.184.215.14: Timeout during connect"


def test_detail_of_a_renewal_is_its_error() -> None:
    assert acme.detail(REFUSED) == "dnsupdate: failed to insert: replied REFUSED"


def test_detail_is_the_last_line_but_the_advice() -> None:
    assert acme.detail("first\n  the cause\nAsk for help or search\n") == "the cause"
    assert acme.detail("") == ""
