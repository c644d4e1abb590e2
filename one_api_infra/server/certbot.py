"""certbot on the server: obtaining, renewing, and proving what is served then."""

import contextlib
import json
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from one_api_infra.checks import attempts, remedy
from one_api_infra.server import attempt, certificate, former_domains, nginx
from one_api_infra.server.local import CommandError, locked, must, run, site, tail, write
from one_api_infra.shared import acme, environment_file, paths, tunnel, units
from one_api_infra.shared.certificate import AUTHENTICATORS, differing, notes, renew_before
from one_api_infra.shared.site_file import SiteFile
from one_api_infra.shared.texts import _
from one_api_infra.shared.tunnel import Tunnel

KEPT = ("live", "archive")
PARTS = ("cert", "chain", "fullchain", "privkey")
CERTBOT = {"venv": f"{paths.AGENT}/venv/bin/certbot", "distribution": "/usr/bin/certbot"}
LOCK = "/run/one-api-infra-certbot.lock"
RELOAD_SECONDS = 20
SECRET = 6  # characters of a credential that are masked where they are repeated
HOOKS = re.compile(r"(?:pre|post|renew)_hook\s*=")


def has_account(notes: Mapping[str, str]) -> bool:
    """Whether the account that certbot's notes name is there."""
    found = Path(paths.LETSENCRYPT).glob(
        f"accounts/**/{notes.get('account', '?')}/private_key.json"
    )
    return any(found)


@dataclass(frozen=True)
class Lineage:
    """A certificate and those that follow it: certbot's name for it, and what it covers."""

    name: str
    domains: tuple[str, ...]


def obtain() -> None:
    """Obtain the certificate for the site's names."""
    current = site()
    former_domains.keep(current)
    _obtain(current, Lineage(current.domain, current.certificate_domains))
    attempt.keep(paths.RENEWAL, "")  # what a renewal has failed at is over


def obtain_tunnels() -> None:
    """Obtain the certificates that tunnels lack; one that fails keeps no other from its own."""
    current, failed = site(), list[str]()
    due = due_tunnels(current)
    for each in current.tunnels:
        if each.lineage in due:
            try:
                _obtain(current, Lineage(each.lineage, (each.domain,)))
            except CommandError as error:
                failed.append(str(error))
    if failed:
        raise CommandError("\n".join(failed))


def due_tunnels(current: SiteFile) -> tuple[str, ...]:
    """The lineages of tunnels that are not there, or of another CA, key or account than wanted."""
    found = certificate.of_certbot() if current.tunnels else ()
    there = {each.name: each for each in found if each.is_valid(time.time())}

    def is_due(each: Tunnel) -> bool:
        noted, lineage = renewal(each.lineage), there.get(each.lineage)
        is_there = lineage is not None and lineage.covers([each.domain])
        return not is_there or not has_account(noted) or bool(differing(notes(current), noted))

    return tuple(each.lineage for each in current.tunnels if is_due(each))


def _obtain(current: SiteFile, lineage: Lineage) -> None:
    """At staging first, then for good."""
    if current.acme_staging_server:
        staging = [*_certonly(current, lineage, current.acme_staging_server), "--dry-run"]
        _certbot(current, lineage, staging, _("The staging CA refused; production was not asked."))
    _without_hooks(lineage.name)
    with _without_orphan(lineage.name):
        command = _certonly(current, lineage, current.acme_server)
        _certbot(current, lineage, command, _("The CA refused."))
    _set_renewal(current, lineage)


@contextlib.contextmanager
def _without_orphan(name: str) -> Iterator[None]:
    """Set aside what certbot keeps of a certificate of which a part is gone: it refuses to go on,
    or makes another one beside it.
    """
    folder = Path(paths.LETSENCRYPT)
    notes = folder / "renewal" / f"{name}.conf"
    live = (folder / "live" / name / f"{part}.pem" for part in PARTS)
    is_whole = bool(renewal(name)) and all(path.exists() for path in live)
    parts = () if is_whole else (notes, *(folder / each / name for each in KEPT))
    there = [part for part in parts if part.exists()]
    for part in there:
        shutil.move(part, _aside(part))
    try:
        yield
    except CommandError:
        for part in there:
            _remove(part)
            shutil.move(_aside(part), part)
        raise
    for part in there:
        _remove(_aside(part))


def _aside(part: Path) -> Path:
    return part.with_name(f".{part.name}.orphan")


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)


def _without_hooks(name: str) -> None:
    """Take hooks that are not ours out of certbot's notes, which keeps them at every renewal."""
    path = Path(f"{paths.LETSENCRYPT}/renewal/{name}.conf")
    text = path.read_text() if path.exists() else ""
    if (kept := without_hooks(text)) != text:
        write(path, kept, 0o644)


def without_hooks(notes: str) -> str:
    """certbot's notes on a lineage without the lines that call other programs."""
    return "".join(line for line in notes.splitlines(keepends=True) if not HOOKS.match(line))


def _certonly(site: SiteFile, lineage: Lineage, server: str) -> list[str]:
    command = ["certonly", "--server", server, *_challenge(site)]
    command += ["--agree-tos", "--email", site.acme_email or "", "--no-eff-email"]
    command += ["--cert-name", lineage.name, "--key-type", site.key_type]
    command += [part for name in lineage.domains for part in ("--domain", name)]
    if _is_kept_wrongly(site, lineage.name, server):
        command.append("--force-renewal")
    if site.acme_profile:
        command += ["--required-profile", site.acme_profile]
    return command


def _challenge(site: SiteFile) -> tuple[str, ...]:
    """How certbot is to prove the names."""
    if site.acme_challenge == "http-01":
        return ("--webroot", "--webroot-path", paths.WEBROOT)
    plugin = f"--{AUTHENTICATORS['dns-01']}"
    return (
        *("--authenticator", AUTHENTICATORS["dns-01"]),
        *(f"{plugin}-credentials", paths.DNS_PLUGIN, *patience(site)),
    )


def patience(site: SiteFile) -> tuple[str, ...]:
    """How long certbot waits for the provider's servers, whatever its notes say."""
    if site.acme_challenge == "http-01":
        return ()
    plugin = f"--{AUTHENTICATORS['dns-01']}"
    return (f"{plugin}-propagation-seconds", str(site.acme_dns_seconds))


def _is_kept_wrongly(site: SiteFile, name: str, server: str) -> bool:
    """Whether certbot would keep what it must not: another CA's, or one without its key."""
    known = renewal(name)
    own = [each for each in certificate.observe(site) if each.name == name]
    without_key = bool(own) and not own[0].key_matches
    wanted = notes(site, server)
    lost = without_key or not has_account(known) or bool(differing(wanted, known))
    return bool(known) and lost


def _base(site: SiteFile) -> list[str]:
    directories = ["--config-dir", paths.LETSENCRYPT, "--work-dir", f"{paths.STATE}/certbot"]
    return [*directories, "--logs-dir", "/var/log/one-api-infra/certbot", "--non-interactive"]


def _environment(site: SiteFile) -> dict[str, str]:
    return {"REQUESTS_CA_BUNDLE": paths.ACME_CA} if site.acme_ca_file else {}


def _credentials(site: SiteFile) -> dict[str, str]:
    """The DNS provider's, for certbot's environment: they stand in none of its files."""
    if site.acme_challenge == "http-01" or not Path(paths.DNS_CREDENTIALS).exists():
        return {}
    return environment_file.values(Path(paths.DNS_CREDENTIALS).read_text())


def words_of(site: SiteFile, command: list[str]) -> str:
    """certbot's words if a command of its fails; empty if it succeeds."""
    program, secrets = CERTBOT[site.certbot], _credentials(site)
    environment = _environment(site) | secrets
    with locked(LOCK):  # the rehearsal's and the renewal's would refuse each other
        code, output = run(program, *command, *_base(site), environment=environment)
    return without(output or f"exit code {code}", secrets.values()) if code else ""


def without(words: str, secrets: Iterable[str]) -> str:
    """Words of a provider's library, which may repeat what it was given; short ones say nothing."""
    long = [each for each in secrets if len(each) >= SECRET]
    forms = {form for each in long for form in (each, quote(each, safe=""), quote_plus(each))}
    for form in sorted(forms | {json.dumps(each)[1:-1] for each in long}, key=len, reverse=True):
        words = words.replace(form, "*" * 6)
    return words


def _certbot(site: SiteFile, lineage: Lineage, command: list[str], failure: str) -> None:
    if output := words_of(site, command):
        told = _by_reason(output) or _(
            "Remedy: let {domains} lead to this server on port 80, and the CA be reachable from"
            " it; then run again. certbot's words:",
            domains=", ".join(lineage.domains),
        )
        told = remedy.named(told, site.inventory)
        raise CommandError("\n".join([failure, told, tail(output.splitlines())]))


def _by_reason(output: str) -> str:
    """The remedy for what the CA or the provider said; empty for words that nobody knows."""
    fault = attempts.FAULTS.get(acme.reason(output))
    if fault is None:
        return ""
    again = "pyinfra inventory.py deploys/site.py"
    return _("Remedy: {remedy}. certbot's words:", remedy=_(fault.remedy, again=again))


def _set_renewal(site: SiteFile, lineage: Lineage) -> None:
    """Give a certbot without ARI a fraction of the real lifetime to go by."""
    if site.certbot != "distribution":
        return
    made = next(each for each in certificate.observe(site) if each.name == lineage.name)
    path = Path(f"{paths.LETSENCRYPT}/renewal/{lineage.name}.conf")
    write(path, renewing(path.read_text(), made.not_after - made.not_before), 0o644)


def renewing(notes: str, lifetime: float) -> str:
    """certbot's notes, renewing in time for certificates of that lifetime (seconds)."""
    lines = [line for line in notes.splitlines() if "renew_before_expiry" not in line]
    return "\n".join([f"renew_before_expiry = {renew_before(lifetime)}", *lines]) + "\n"


def remove_obsolete() -> None:
    """Delete the certificates of earlier domains."""
    current = site()
    former_domains.keep(current)
    for each in certificate.of_certbot():
        if each.name != current.domain and not each.name.startswith(tunnel.PREFIX):
            delete(current, each.name)


def delete(site: SiteFile, name: str) -> None:
    """Delete a lineage. CommandError if certbot cannot."""
    if output := words_of(site, ["delete", "--cert-name", name]):
        folder = paths.LETSENCRYPT
        parts = f"{folder}/live/{name} {folder}/archive/{name} {folder}/renewal/{name}.conf"
        words = _(
            "certbot could not delete the certificate {name}.\n"
            "Remedy, on the server: `rm -rf {parts}`; then run again. certbot's words:",
            name=name,
            parts=parts,
        )
        raise CommandError(f"{words}\n{tail(output.splitlines())}")


def deploy_hook() -> None:
    """Test, reload, and prove that the certificate on the wire is the one on disk."""
    result: dict[str, object] = {"time": time.time(), "ok": True, "message": ""}
    try:
        _reload(site())
    except CommandError as error:
        result |= {"ok": False, "message": str(error)}
    write(paths.HOOK_RESULT, json.dumps(result), 0o644)
    if not result["ok"]:
        raise CommandError(str(result["message"]))


def _reload(site: SiteFile) -> None:
    if not certificate.named_by_nginx(site):
        return  # the first certificate: nginx is told of it by the deploy
    if words := nginx.problem():
        raise CommandError(words)
    must("systemctl", "reload", units.NGINX)
    deadline = time.monotonic() + RELOAD_SECONDS
    while certificate.not_served(site):
        if time.monotonic() > deadline:
            raise CommandError(
                _(
                    "nginx was reloaded, but serves another certificate than the one on disk.\n"
                    "Remedy: look for [emerg] in /var/log/nginx/error.log, then"
                    " `systemctl reload nginx`."
                )
            )
        time.sleep(0.05)


def renew() -> None:
    """Renew what is due, then fail loudly unless the wire shows what the disk holds.

    certbot exits 0 whether it renewed or not, and also when a deploy hook failed.
    """
    current = site()
    Path(paths.HOOK_RESULT).unlink(missing_ok=True)
    noted = sorted(path.stem for path in Path(f"{paths.LETSENCRYPT}/renewal").glob("*.conf"))
    of_tunnels = [name for name in noted if name.startswith(tunnel.PREFIX)]
    words = "\n".join(_renewed(current, name) for name in noted if name not in of_tunnels).strip()
    attempt.keep(paths.RENEWAL, words)
    for name in of_tunnels:  # a developer's name is none of the site's: it fails for itself
        print(_renewed(current, name), end="")
    if words:
        raise CommandError(_("The renewal failed.") + "\n" + tail(words.splitlines()))
    hook = Path(paths.HOOK_RESULT)
    if hook.exists() and not (result := json.loads(hook.read_text()))["ok"]:
        raise CommandError(_("The deploy hook failed: {reason}", reason=result["message"]))
    if certificate.not_served(current):
        _reload(current)
        raise CommandError(
            _(
                "The deploy hook had not brought the new certificate to nginx; it is served now.\n"
                "Remedy: see why {hook} failed: /var/log/one-api-infra/certbot.",
                hook="renewal-hooks/deploy/one-api-infra",
            )
        )


def _renewed(current: SiteFile, name: str) -> str:
    """certbot's words if a lineage that was due could not be renewed."""
    command = ["renew", "--no-random-sleep-on-renew", "--quiet", *patience(current)]
    return words_of(current, [*command, "--cert-name", name])


def renewal(name: str) -> dict[str, str]:
    """certbot's notes on a lineage: ``server``, ``key_type``, ``required_profile``…"""
    path = Path(f"{paths.LETSENCRYPT}/renewal/{name}.conf")
    return parse(path.read_text()) if path.exists() else {}


def parse(notes: str) -> dict[str, str]:
    """The pairs of certbot's notes."""
    pairs = (line.partition(" = ") for line in notes.splitlines() if " = " in line)
    return {key.strip(): value.strip() for key, _sign, value in pairs}
