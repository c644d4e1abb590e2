"""What makes a certificate fit to be served, judged from what was observed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from one_api_infra.shared import paths

# certbot's plugins by the challenge that they answer.
AUTHENTICATORS = {"http-01": "webroot", "dns-01": "dns-multi"}
HOOK = f"{paths.LETSENCRYPT}/renewal-hooks/deploy/one-api-infra"


@dataclass(frozen=True)
class Certificate:
    """A certificate on disk. Times are seconds since 1970; ``names`` are its SANs, no CN."""

    name: str
    certificate_file: str
    key_file: str
    names: tuple[str, ...]
    not_before: float
    not_after: float
    serial: str
    issuer: str
    key_matches: bool
    self_signed: bool
    key_is_private: bool

    @property
    def host_names(self) -> tuple[str, ...]:
        """The names that a client asks for: no wildcards, but the domain that one stands for.

        A lineage is named after the site's domain of its time.
        """
        plain = tuple(name for name in self.names if not name.startswith("*."))
        own = (self.name,) if self.name not in plain and self.covers([self.name]) else ()
        return (*own, *plain)

    def covers(self, names: Sequence[str]) -> bool:
        """Whether every name is among the SANs, exactly or by a wildcard of one label."""
        return all(
            name in self.names or f"*.{name.partition('.')[2]}" in self.names for name in names
        )

    def is_valid(self, now: float) -> bool:
        """Whether it may be served: in its time, with its key."""
        return self.key_matches and self.not_before <= now < self.not_after


def choose(
    certificates: Sequence[Certificate],
    names: Sequence[str],
    now: float,
    *,
    lab: bool,
    external: str | None = None,
) -> Certificate | None:
    """The certificate to serve: the one for ``names``, else one that was served before.

    After a change of the domain the old name is served until the new certificate is there, so
    that orders on their way still find their callback URL; likewise until the file ``external``
    can be served.
    """
    fit = [each for each in certificates if each.is_valid(now) and (lab or not each.self_signed)]
    fit.sort(
        key=lambda each: (
            each.certificate_file == external,
            each.covers(names),
            each.not_before,
        ),
        reverse=True,
    )
    return fit[0] if fit else None


class Wishes(Protocol):
    """Of a site, what certbot is to do: read-only, so that both sides' sites are such ones."""

    @property
    def acme_server(self) -> str: ...
    @property
    def key_type(self) -> str: ...
    @property
    def acme_profile(self) -> str | None: ...
    @property
    def acme_challenge(self) -> str: ...


PROFILE = "required_profile"


def notes(site: Wishes, server: str = "") -> dict[str, str]:
    """What certbot's notes on a site's certificate must say for it to be renewed as it was made.

    ``server``: another CA than the site's own, such as its staging.
    """
    wanted = {"server": server or site.acme_server, "key_type": site.key_type}
    wanted["authenticator"] = AUTHENTICATORS[site.acme_challenge]
    return wanted | ({PROFILE: site.acme_profile} if site.acme_profile else {})


def differing(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """The notes that are others than they should be; certbot leaves out what is its default."""
    # Of a profile nothing is noted unless one was wished.
    defaults = {key: "" if key == PROFILE else value for key, value in wanted.items()}
    noted = {key: found.get(key, defaults[key]) for key in wanted}
    others = {key: value for key, value in noted.items() if value != wanted[key]}
    unwanted = [key for key in ("pre_hook", "post_hook", PROFILE) if key not in wanted]
    left = {key: found[key] for key in unwanted if found.get(key, "None") not in {"", "None"}}
    return others | left


def renew_before(lifetime: float) -> str:
    """``renew_before_expiry`` for a certbot without ARI: a third of the lifetime is left.

    certbot before 4.1 renews 30 days before the end whatever the lifetime, so that a six-day
    certificate is ordered at every run until the CA's limit stops it.
    """
    return f"{max(int(lifetime / 3 / 3600), 1)} hours"
