"""The files of certbot's renewal on the server."""

from one_api_infra import certificate, render, roots
from one_api_infra.certificate import HOOK, REHEARSAL, REHEARSAL_TIMER, SERVICE, TIMER, Certificate
from one_api_infra.checks import catalogue
from one_api_infra.problems import Problem
from one_api_infra.resources import Directory, File, Wanted
from one_api_infra.server import paths
from one_api_infra.site import Site
from one_api_infra.snapshot import Snapshot
from one_api_infra.texts import _

WRITES = (
    paths.LETSENCRYPT,
    paths.STATE,
    "/var/log/one-api-infra",
    "-/var/log/nginx",
    "-/var/lib/nginx",
    "/run",
)
UNITS = "/etc/systemd/system"


def directories() -> tuple[Directory, ...]:
    """certbot's directories, and the one that nginx serves its challenges from."""
    hooks = HOOK.rsplit("/", 1)[0]
    private = (paths.LETSENCRYPT, hooks.rsplit("/", 1)[0], hooks)
    return (*(Directory(path, "700") for path in private), Directory(paths.WEBROOT))


def files(site: Site) -> tuple[File, ...]:
    """Unit, timer and hook; a private CA's root where one is set."""
    if site.certificate == "external":
        return ()
    return (
        render.file(f"{UNITS}/{SERVICE}", renew=paths.agent("renew"), writes=WRITES),
        render.file(f"{UNITS}/{TIMER}"),
        render.file(f"{UNITS}/{REHEARSAL}", rehearse=paths.agent("rehearse"), writes=WRITES),
        render.file(f"{UNITS}/{REHEARSAL_TIMER}"),
        render.file(HOOK, "755", hook=paths.agent("deploy-hook")),
        *_ca(site),
    )


def _ca(site: Site) -> tuple[File, ...]:
    if not site.acme_ca_file:
        return ()
    return (File(paths.ACME_CA, roots.read(site.acme_ca_file, "acme_ca_file")),)


def certificates(seen: Snapshot) -> tuple[Certificate, ...]:
    """The certificates on the server's disk."""
    return seen.state().certificates


def external_problems(site: Site, seen: Snapshot) -> tuple[Problem, ...]:
    """Why a certificate that somebody else manages cannot be served."""
    if site.certificate != "external":
        return ()
    now = float(seen.probe("time") or 0)
    found = [each for each in certificates(seen) if each.certificate_file == site.certificate_file]
    for each in found:
        if each.self_signed and not site.lab:
            return (_external(site, _("{name} signed itself", name=each.issuer)),)
        if not (each.is_valid(now) and each.covers(site.domains)):
            return (_external(site, _("it is out of its time, of another key, or another name's")),)
    if found or not seen.has_state:
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


def is_due(site: Site, seen: Snapshot) -> bool:
    """Whether a certificate for the site's names is still to be obtained."""
    now = float(seen.probe("time") or 0)
    return _obtained_otherwise(site, seen) or not any(
        each.name == site.domain and each.is_valid(now) and set(each.names) == set(site.domains)
        for each in certificates(seen)
    )


def _obtained_otherwise(site: Site, seen: Snapshot) -> bool:
    """Whether the certificate is of another CA, key type or profile than is wanted now."""
    noted = seen.state().renewal
    wanted = certificate.notes(site.acme_server, site.key_type, site.acme_profile)
    # Without its notes, or an account, certbot renews nothing.
    lost = not noted or not seen.state().has_account
    return lost or bool(certificate.differing(wanted, noted))


def is_obsolete(site: Site, seen: Snapshot) -> bool:
    """Whether certificates of earlier domains are still there."""
    return any(
        each.name != site.domain and each.certificate_file.startswith(paths.LETSENCRYPT)
        for each in certificates(seen)
    )


def wanted(site: Site) -> Wanted:
    """What to look at."""
    return Wanted(
        paths=(
            *(file.path for file in files(site)),
            *(directory.path for directory in directories()),
        ),
        units=(TIMER, SERVICE, REHEARSAL_TIMER, REHEARSAL),
    )
