"""The files of certbot's renewal on the server."""

from one_api_infra.checks import catalogue
from one_api_infra.desired import render, roots
from one_api_infra.desired.resources import Concern, Directory, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import certificate, environment_file, paths, tunnel, units
from one_api_infra.shared.certificate import HOOK, Certificate
from one_api_infra.shared.secret import Secret
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem

HANGS = 3600  # seconds: a unit that hangs longer is ended, else it is never started again
REHEARSALS = 3  # tries
WRITES = (
    paths.LETSENCRYPT,
    paths.STATE,
    "/var/log/one-api-infra",
    "-/var/log/nginx",
    "-/var/lib/nginx",
    "/run",
)


def packages(snapshot: Snapshot) -> tuple[str, ...]:
    """The distribution's certbot, unless a blank server is getting it along with the rest."""
    return () if snapshot.is_active(units.INSTALLATION) else ("certbot",)


def directories() -> tuple[Directory, ...]:
    """certbot's directories, and the one that nginx serves its challenges from."""
    hooks = HOOK.rsplit("/", 1)[0]
    private = (paths.LETSENCRYPT, hooks.rsplit("/", 1)[0], hooks)
    return (*(Directory(path, "700") for path in private), Directory(paths.WEBROOT))


def files(site: Site) -> tuple[File, ...]:
    """Unit, timer and hook; a private CA's root where one is set."""
    if site.certificate == "external":
        return ()
    # While certbot waits for the provider's servers nothing hangs.
    waits = site.acme_dns_seconds if site.acme_challenge == "dns-01" else 0
    renewal = HANGS + waits * (1 + len(site.tunnels))
    return (
        render.file(
            units.path(units.CERTIFICATE),
            renew=paths.agent("renew"),
            writes=WRITES,
            seconds=renewal,
        ),
        render.file(units.path(units.CERTIFICATE_TIMER)),
        render.file(
            units.path(units.REHEARSAL),
            rehearse=paths.agent("rehearse"),
            writes=WRITES,
            seconds=HANGS + waits * REHEARSALS,
        ),
        render.file(units.path(units.REHEARSAL_TIMER)),
        render.file(HOOK, "755", hook=paths.agent("deploy-hook")),
        *_ca(site),
        *_dns(site),
    )


def _ca(site: Site) -> tuple[File, ...]:
    if not site.acme_ca_file:
        return ()
    return (File(paths.ACME_CA, roots.read(site.acme_ca_file, "acme_ca_file")),)


def _dns(site: Site) -> tuple[File, ...]:
    """For dns-01: whom certbot's plugin asks, and with which credentials."""
    if site.acme_challenge != "dns-01":
        return ()
    shown = [(name, value.reveal()) for name, value in site.acme_dns_credentials]
    return (
        render.file(paths.DNS_PLUGIN, "600", provider=site.acme_dns_provider),
        File(paths.DNS_CREDENTIALS, Secret(environment_file.text(shown)), "600"),
    )


def absent(site: Site) -> tuple[str, ...]:
    """Credentials of a challenge that is no longer used."""
    wanted = {file.path for file in files(site)}
    return tuple(each for each in (paths.DNS_PLUGIN, paths.DNS_CREDENTIALS) if each not in wanted)


def certificates(snapshot: Snapshot) -> tuple[Certificate, ...]:
    """The certificates on the server's disk that are none of a tunnel's."""
    found = snapshot.state().certificates
    return tuple(each for each in found if not each.name.startswith(tunnel.PREFIX))


def external_problems(site: Site, snapshot: Snapshot) -> tuple[Problem, ...]:
    """Why a certificate that somebody else manages cannot be served."""
    if site.certificate != "external":
        return ()
    now = float(snapshot.probe("time") or 0)
    found = [
        each for each in certificates(snapshot) if each.certificate_file == site.certificate_file
    ]
    for each in found:
        if each.self_signed and not site.lab:
            return (_external(site, _("{name} signed itself", name=each.issuer)),)
        if not (each.is_valid(now) and each.covers(site.domains)):
            return (_external(site, _("it is out of its time, of another key, or another name's")),)
    if found or not snapshot.has_state:
        return ()
    return (_external(site, _("it or its key cannot be read")),)


def _external(site: Site, reason: str) -> Problem:
    return catalogue.problem(
        "certificate.external",
        path=site.certificate_file,
        key=site.certificate_key_file,
        names=", ".join(site.domains),
        reason=reason,
    )


def is_due(site: Site, snapshot: Snapshot) -> bool:
    """Whether a certificate for the site's names is still to be obtained."""
    now = float(snapshot.probe("time") or 0)
    wanted = set(site.certificate_domains)
    return _obtained_otherwise(site, snapshot) or not any(
        each.name == site.domain and each.is_valid(now) and set(each.names) == wanted
        for each in certificates(snapshot)
    )


def _obtained_otherwise(site: Site, snapshot: Snapshot) -> bool:
    """Whether the certificate is of another CA, key type or profile than is wanted now."""
    noted = snapshot.state().renewal
    wanted = certificate.notes(site)
    # Without its notes, or an account, certbot renews nothing.
    lost = not noted or not snapshot.state().has_account
    return lost or bool(certificate.differing(wanted, noted))


def is_obsolete(site: Site, snapshot: Snapshot) -> bool:
    """Whether certificates of earlier domains are still there."""
    return any(
        each.name != site.domain and each.certificate_file.startswith(paths.LETSENCRYPT)
        for each in certificates(snapshot)
    )


def concern(site: Site) -> Concern:
    """The certificate's part."""
    is_ours = site.certificate == "acme"
    return Concern(
        files=files(site),
        directories=directories() if is_ours else (),
        units=units.CERTIFICATE_TIMERS if is_ours else (),
        beside=SnapshotSpec(paths=absent(site), units=units.CERTIFICATE_TIMERS),
    )


def stop_script() -> str:
    """The shell command that ends the timers, of which one may never have been there."""
    each = f"[ ! -e {units.FOLDER}/$unit ] || systemctl disable --now --quiet $unit"
    return f"for unit in {' '.join(units.CERTIFICATE_TIMERS)}; do {each}; done"
