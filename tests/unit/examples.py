"""Plain data that the unit tests begin with."""

from typing import Any

from one_api_infra.desired.site import Site
from one_api_infra.shared.certificate import Certificate

SETTINGS: dict[str, Any] = {
    "domain": "pay.site-example.com",
    "acme_email": "admin@site-example.com",
}
LIVE = "/etc/one-api-infra/letsencrypt/live"
NOW = 1_800_000_000.0
DAY = 86400.0


def site(**settings: Any) -> Site:
    """A site with the smallest settings and some more."""
    return Site.parse(SETTINGS | settings)


def certificate(**values: Any) -> Certificate:
    """A certificate that is fit to be served at ``NOW``."""
    fit: dict[str, Any] = {
        "name": "pay.site-example.com",
        "certificate_file": f"{LIVE}/pay.site-example.com/fullchain.pem",
        "key_file": f"{LIVE}/pay.site-example.com/privkey.pem",
        "names": ("pay.site-example.com",),
        "not_before": NOW - 10 * DAY,
        "not_after": NOW + 80 * DAY,
        "serial": "1f",
        "issuer": "CN=R",
        "key_matches": True,
        "self_signed": False,
        "key_is_private": True,
    }
    return Certificate(**(fit | values))
