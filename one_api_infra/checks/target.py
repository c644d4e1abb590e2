"""What is looked at: from a site's settings, or from a bare domain."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from one_api_infra.checks.observation import Route, Target
from one_api_infra.shared import editions, paths
from one_api_infra.shared.editions.edition import Edition
from one_api_infra.shared.site_file import SiteFile

PUBLIC_RESOLVERS = ("223.5.5.5", "8.8.8.8")
# What CAA records call the CAs; the key is how the host name of their ACME server ends.
CA_IDENTITIES = {
    "letsencrypt.org": "letsencrypt.org",
    "zerossl.com": "sectigo.com",
    "pki.goog": "pki.goog",
    "buypass.com": "buypass.com",
}
LAB_CA = "pebble.letsencrypt.org"
PROBE = "one-api-infra-probe"


def of_settings(settings: SiteFile, addresses: Sequence[str] = ()) -> Target:
    """The target that a site's settings (``Site.public``) describe."""
    live = f"{paths.LETSENCRYPT}/live/{settings.domain}/fullchain.pem"
    return Target(
        domain=settings.domain,
        callback_domain=settings.callback_domain,
        edition=settings.edition,
        routes=routes(editions.get(settings.edition)),
        one_api_ports=(settings.one_api_port, settings.one_api_second_port),
        addresses=(*addresses, *settings.public_addresses),
        ca_identities=_identities(settings),
        resolvers=settings.dns_resolvers or PUBLIC_RESOLVERS,
        trusted_ca_file=settings.trusted_ca_file,
        certificate_file=settings.certificate_file or live,
        waive=settings.waive,
        lab=settings.lab,
        reboots=settings.reboot_time is not None,
        challenge=settings.acme_challenge,
        proxies=settings.trusted_proxies,
        inventory=settings.inventory,
    )


def of_domain(
    domain: str, resolvers: Sequence[str] = (), trusted_ca_file: str | None = None
) -> Target:
    """A site that somebody else built: nothing is known but its name."""
    return Target(
        domain,
        domain,
        resolvers=tuple(resolvers) or PUBLIC_RESOLVERS,
        trusted_ca_file=trusted_ca_file,
        lab=domain.endswith(".test"),
    )


def routes(edition: Edition) -> tuple[Route, ...]:
    """The callback routes as they are asked; below a prefix a name that is no payment's."""
    paths_and_methods = (
        (route.path.split()[-1], route.methods) for route in edition.callback_routes
    )
    return tuple(
        Route(path + PROBE if path.endswith("/") else path, methods)
        for path, methods in paths_and_methods
    )


def _identities(settings: SiteFile) -> tuple[str, ...]:
    if settings.certificate != "acme":
        return ()
    if settings.lab:
        return (LAB_CA,)
    host = urlsplit(settings.acme_server).hostname or ""
    return tuple(name for end, name in CA_IDENTITIES.items() if host.endswith(end))


def is_global(address: str) -> bool:
    """Whether the world can reach an address."""
    return ipaddress.ip_address(address).is_global
