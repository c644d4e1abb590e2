"""What a server knows of its site: ``site.json``, written by the deploy and read by the agent."""

from dataclasses import dataclass

from one_api_infra.shared.callback_domain import origin
from one_api_infra.shared.tunnel import Tunnel


@dataclass(frozen=True)
class SiteFile:
    """The settings without secrets (see ``settings.SETTINGS``), and what is there of the others."""

    inventory: str
    domain: str
    callback_domain: str
    edition: str
    version: str
    one_api_port: int
    one_api_second_port: int
    drain_minutes: int
    upgrade_max_failures: int
    upgrade_max_slowdown: int
    reboot_time: str | None
    time_zone: str
    language: str
    lab: bool
    certificate: str
    certificate_file: str | None
    certificate_key_file: str | None
    acme_email: str | None
    acme_server: str
    acme_staging_server: str | None
    acme_ca_file: str | None
    acme_profile: str | None
    acme_challenge: str
    acme_dns_seconds: int
    certificate_domains: tuple[str, ...]
    key_type: str
    certbot: str
    trusted_ca_file: str | None
    public_addresses: tuple[str, ...]
    dns_resolvers: tuple[str, ...]
    log_days: int
    callbacks: str
    gateway_networks: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    reconcile: str
    alert_quiet_minutes: int
    backup: tuple[str, ...]
    backup_minutes: int
    backup_stream: bool
    tunnels: tuple[Tunnel, ...]
    waive: tuple[str, ...]

    @property
    def origin(self) -> str:
        """The site's origin."""
        return origin(self.domain)

    @property
    def callback_origin(self) -> str:
        """The origin at which gateways call."""
        return origin(self.callback_domain)
