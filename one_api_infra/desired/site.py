"""A site: everything about it, derived once from its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from one_api_infra.desired import proxies, settings
from one_api_infra.desired.domain import Domain
from one_api_infra.shared import editions, repository, stream
from one_api_infra.shared.editions.edition import Edition
from one_api_infra.shared.repository import Repository
from one_api_infra.shared.secret import Secret
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.tunnel import Tunnel

INVENTORY = "inventory.py"
CONNECTION_PREFIXES = ("_", "docker_", "vagrant_", "local_", "fake_")


@dataclass(frozen=True)
class Site:
    """The validated settings of one host; see ``settings.SETTINGS`` for what each field takes."""

    domain: Domain
    callback_domain: Domain
    acme_email: str | None
    edition: Edition
    version: str
    artifact: str | None
    artifact_mirror: str | None
    artifact_sha256: str | None
    one_api_port: int
    one_api_second_port: int
    drain_minutes: int
    upgrade_max_failures: int
    upgrade_max_slowdown: int
    reboot_time: str | None
    root_password: Secret | None
    database_url: Secret | None
    database_connections: int
    redis_url: Secret | None
    overload_guard: bool
    environment: tuple[tuple[str, str], ...]
    token_encoders: bool
    tiktoken_data: str | None
    time_zone: str
    certificate: str
    certificate_file: str | None
    certificate_key_file: str | None
    acme_server: str
    acme_staging_server: str | None
    acme_ca_file: str | None
    trusted_ca_file: str | None
    acme_profile: str | None
    acme_challenge: str
    acme_dns_provider: str | None
    acme_dns_credentials: tuple[tuple[str, Secret], ...]
    acme_dns_seconds: int
    certificate_names: tuple[str, ...]
    key_type: str
    certbot: str
    pip_index: str | None
    pip_wheels: str
    connections_per_address: int
    open_ports: tuple[int | str, ...]
    public_addresses: tuple[str, ...]
    dns_resolvers: tuple[str, ...]
    log_days: int
    callbacks: str
    gateway_networks: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    proxy_protocol: bool
    reconcile: str
    alert_urls: tuple[Secret, ...]
    alert_quiet_minutes: int
    heartbeat_url: Secret | None
    moves_from: str | None
    backup: tuple[Secret, ...]
    backup_password: Secret | None
    backup_environment: tuple[tuple[str, Secret], ...]
    backup_ssh_key_file: str | None
    backup_ssh_known_hosts: tuple[str, ...]
    backup_minutes: int
    backup_keep: tuple[tuple[str, int], ...]
    backup_stream: bool
    backup_prune: str
    backup_kib_per_second: int
    tunnels: tuple[Tunnel, ...]
    language: str
    waive: tuple[str, ...]
    lab: bool
    inventory: str

    @classmethod
    def parse(cls, data: Mapping[str, Any], inventory: str = INVENTORY) -> "Site":
        """The site of a host's data; messages call its file ``inventory``.

        Keys of pyinfra's connectors (``ssh_user``, ``_sudo``…) are ignored.
        Raises ValidationError with every problem at once.
        """
        own = {name: value for name, value in data.items() if not _is_connection(name)}
        values = settings.parse(own)
        edition = editions.get(values["edition"])
        values |= {
            "edition": edition,
            "version": values["version"] or edition.version,
            "callback_domain": values["callback_domain"] or values["domain"],
            "acme_staging_server": _staging(values),
            "inventory": inventory,
        }
        return cls(**values)

    @cached_property
    def domains(self) -> tuple[Domain, ...]:
        """The names at which the site is reached, its own first."""
        return tuple(dict.fromkeys((self.domain, self.callback_domain)))

    @cached_property
    def certificate_domains(self) -> tuple[str, ...]:
        """What the certificate is to name: a CA takes no name that a wildcard covers too."""
        names = dict.fromkeys(map(str, (*self.domains, *self.certificate_names)))
        covering = {name.removeprefix("*") for name in names if name.startswith("*.")}
        return tuple(
            name
            for name in names
            if name.startswith("*.") or f".{name.partition('.')[2]}" not in covering
        )

    @property
    def origin(self) -> str:
        """One API's ServerAddress."""
        return self.domain.origin

    @property
    def ports(self) -> tuple[int, int]:
        """One API's, and that of a second instance while it is upgraded."""
        return self.one_api_port, self.one_api_second_port

    @property
    def open_tcp_ports(self) -> tuple[int, ...]:
        """The admin's own TCP ports."""
        return tuple(port for port in self.open_ports if isinstance(port, int))

    @property
    def open_udp_ports(self) -> tuple[int, ...]:
        """The admin's own UDP ports."""
        named = (port for port in self.open_ports if isinstance(port, str))
        return tuple(int(port.removesuffix("/udp")) for port in named)

    @property
    def callback_origin(self) -> str:
        """What a notify URL begins with."""
        return self.callback_domain.origin

    @cached_property
    def repositories(self) -> tuple[Repository, ...]:
        """Where the backup goes."""
        return tuple(repository.parse(each.reveal()) for each in self.backup)

    @cached_property
    def proxies(self) -> tuple[str, ...]:
        """The networks of those that stand before the server: its former one too while it moves.

        ValidationError for a file that holds something else.
        """
        former = (self.moves_from,) if self.moves_from else ()
        return (*former, *proxies.networks(self.trusted_proxies))

    @property
    def file_name(self) -> str:
        """The inventory as the server names it: of one elsewhere its name alone, since each of two
        who deploy has it in a place of its own.
        """
        is_elsewhere = self.inventory.startswith("/")
        return f"./{self.inventory.rpartition('/')[2]}" if is_elsewhere else self.inventory

    @property
    def is_streamed(self) -> bool:
        """Whether SQLite's changes are streamed: wished, and a repository takes them."""
        takes = any(stream.carrier(each.reveal()) for each in self.backup)
        return self.backup_stream and takes and not self.database_url

    def public(self) -> SiteFile:
        """What the server is told of the settings: nothing that is or can hold a secret."""
        values = {field.name: getattr(self, field.name) for field in fields(SiteFile)}
        names: dict[str, Any] = {"domain": str(self.domain)}
        names |= {"callback_domain": str(self.callback_domain)}
        names |= {"edition": self.edition.name, "trusted_proxies": self.proxies}
        backup = tuple(each.name for each in self.repositories)
        return SiteFile(**values | names | {"backup": backup, "backup_stream": self.is_streamed})


def _is_connection(name: str) -> bool:
    """Whether a name is pyinfra's; one that looks like its ssh's or sudo's may be misspelt."""
    is_checked = str(name).startswith(("ssh_", "_su", "_doas"))
    is_other = not is_checked and str(name).startswith(CONNECTION_PREFIXES)
    return name in settings.CONNECTION or is_other


def _staging(values: Mapping[str, Any]) -> str | None:
    if values["acme_staging_server"] or values["acme_server"] != settings.LETS_ENCRYPT:
        return values["acme_staging_server"]  # type: ignore[no-any-return]
    return settings.LETS_ENCRYPT_STAGING
