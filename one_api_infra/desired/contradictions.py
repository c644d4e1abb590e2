"""Rules over more than one setting: what cannot be wanted together."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from one_api_infra.desired import proxies, variables
from one_api_infra.shared import callback, editions, move, repository, stream
from one_api_infra.shared.texts import _
from one_api_infra.shared.validation import Problem

LOCAL_PORTS = (move.GATE_PORT, callback.REPLAY_PORT, stream.PORT)  # on loopback
NEEDS_BINDING = ("zerossl.com", "sectigo.com", "ssl.com", "digicert.com", "goog")
OWN_PORTS = {"one_api_port": 3000, "one_api_second_port": 3001}


def found(values: Mapping[str, Any]) -> list[Problem]:
    """What contradicts itself in a site's values; a rule over one that is missing is left out."""
    problems: list[Problem] = []
    for rule in RULES:
        with contextlib.suppress(KeyError):
            problems += rule(values)
    return problems


def _external(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values["certificate"] != "external":
        if not values["acme_email"]:
            expected = _("the CA needs an address to write to")
            yield Problem("acme_email", expected, _('add "acme_email": "you@DOMAIN"'))
        host = urlsplit(values["acme_server"]).hostname or ""
        if f".{host}".endswith(tuple(f".{each}" for each in NEEDS_BINDING)):
            expected = _("a CA that wants no external account (EAB), for which there is no setting")
            yield Problem("acme_server", expected, _("leave it out: Let's Encrypt is right"))
        for name in ("certificate_file", "certificate_key_file"):
            if values[name]:
                expected = _("it is served where somebody else manages the certificate alone")
                yield Problem(name, expected, _('add "certificate": "external", or remove it'))
        return
    for name in ("certificate_file", "certificate_key_file"):
        if not values[name]:
            expected = _('certificate = "external" needs this path on the server')
            yield Problem(name, expected, _("name the file, or remove `certificate`"))


def _plain_downloads(values: Mapping[str, Any]) -> Iterable[Problem]:
    for name in ("artifact", "artifact_mirror"):
        is_plain = str(values[name] or "").startswith("http://")
        if is_plain and not values["artifact_sha256"]:
            expected = _("over http:// anybody on the way can send another program")
            remedy = _("write it with https:// in front, or add `artifact_sha256`")
            yield Problem(name, expected, remedy)


def _ports(values: Mapping[str, Any]) -> Iterable[Problem]:
    for name, right in OWN_PORTS.items():
        port = values[name]
        if port in LOCAL_PORTS:
            expected = _("expected a port that nothing else of one-api-infra uses")
            yield Problem(name, expected, _("leave it out: {port} is right", port=right))
        if port in values["open_ports"]:
            expected = _(
                "no port of One API's: nginx is the way to it, and open it is everybody's,"
                " with its first password too"
            )
            yield Problem("open_ports", expected, _("remove {port} from it", port=port))
    if values["one_api_port"] == values["one_api_second_port"]:
        expected = _("another port than `one_api_port`: both run while One API is upgraded")
        yield Problem(
            "one_api_second_port", expected, _("leave it out: {port} is right", port=3001)
        )


def _certbot(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values["certbot"] == "distribution" and values["acme_profile"]:
        expected = _("profiles need certbot 4.1 or newer")
        yield Problem("acme_profile", expected, _('remove "certbot": "distribution"'))


def _owned_variables(values: Mapping[str, Any]) -> Iterable[Problem]:
    """What the toolkit writes itself has one place; its checks stand on that."""
    owned = variables.owned(editions.get(values["edition"]))
    for name, _value in values["environment"]:
        if name in owned:
            setting = owned[name]
            remedy = _('set "{name}" instead', name=setting) if setting else _("remove it")
            expected = _("expected a variable that one-api-infra does not set itself")
            yield Problem(f"environment.{name}", expected, remedy)


def _backup(values: Mapping[str, Any]) -> Iterable[Problem]:
    """A backup needs its password, and by ssh a key: neither may be on the server alone."""
    if values["backup"] and not values["backup_password"]:
        expected = _("restic encrypts with it, and without it nobody can read the backup")
        remedy = _(
            'add "backup_password": os.environ["ONE_API_INFRA_BACKUP_PASSWORD"], and keep it in'
            " another place too"
        )
        yield Problem("backup_password", expected, remedy)
    by_ssh = [each for each in values["backup"] if repository.parse(each.reveal()).needs_ssh]
    if by_ssh and not values["backup_ssh_key_file"]:
        expected = _("the key with which the server reaches the repository by ssh")
        remedy = _("make one by `ssh-keygen -t ed25519 -N '' -f FILE`, and name FILE")
        yield Problem("backup_ssh_key_file", expected, remedy)


def _tunnel_domains(values: Mapping[str, Any]) -> Iterable[Problem]:
    """A tunnel's name is nobody else's on this server, and its certificate is certbot's."""
    taken = {values["domain"], values["callback_domain"], *values["certificate_names"]}
    for each in values["tunnels"]:
        if each.domain in taken:
            expected = _("expected a domain that nothing else on this server has")
            remedy = _("give it a name of its own, such as {name}.dev.example.com", name=each.name)
            yield Problem(f"tunnels.{each.name}.domain", expected, remedy)
        taken.add(each.domain)
    if values["tunnels"] and values["certificate"] == "external":
        expected = _("tunnels have certificates of the CA, which certbot renews")
        yield Problem("tunnels", expected, _('remove "certificate": "external"'))


def _challenge(values: Mapping[str, Any]) -> Iterable[Problem]:
    """Who proves a name by DNS needs a provider and its credentials; who does not, no wildcard."""
    if values["acme_challenge"] == "dns-01":
        yield from _dns(values)
        return
    for name in (each for each in values["certificate_names"] if each.startswith("*.")):
        expected = _("{name} can be proved by DNS alone", name=name)
        yield Problem("certificate_names", expected, _('add "acme_challenge": "dns-01"'))
    for name in ("acme_dns_provider", "acme_dns_credentials"):
        if values[name]:
            expected = _("without dns-01 nobody uses it")
            yield Problem(name, expected, _('add "acme_challenge": "dns-01", or remove it'))


def _proxies(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values["proxy_protocol"] and not values["trusted_proxies"]:
        expected = _("whose word of the client's address is to be believed")
        yield Problem("trusted_proxies", expected, _('add "trusted_proxies": ["10.0.0.5"]'))
    others = [each for each in values["trusted_proxies"] if not _is_of_cloudflare(each)]
    if proxies.CLOUDFLARE in values["trusted_proxies"] and others:
        expected = _("cloudflare alone: it tells the client's address in a header of its own")
        remedy = _("leave {others} out; a file may hold newer ranges of Cloudflare's",
                   others=", ".join(others))  # fmt: skip
        yield Problem("trusted_proxies", expected, remedy)
    if values["proxy_protocol"] and values["moves_from"]:
        expected = _("not while a site moves: its former server hands on without that protocol")
        yield Problem("proxy_protocol", expected, _("leave it out until the move is over"))


def _is_of_cloudflare(entry: str) -> bool:
    return entry == proxies.CLOUDFLARE or entry.startswith("/")


def _dns(values: Mapping[str, Any]) -> Iterable[Problem]:
    if not values["acme_dns_provider"]:
        expected = _("dns-01 needs the code of the DNS provider, as lego names it")
        remedy = _('add "acme_dns_provider": "alidns" (or tencentcloud, cloudflare, rfc2136…)')
        yield Problem("acme_dns_provider", expected, remedy)
    if not values["acme_dns_credentials"]:
        expected = _("dns-01 needs what the DNS provider demands")
        remedy = _('add "acme_dns_credentials": {"NAME": os.environ["NAME"]}, with the names that'
                   " lego's page on the provider lists")  # fmt: skip
        yield Problem("acme_dns_credentials", expected, remedy)
    yield from _replaced(values)
    if values["certbot"] == "distribution":
        expected = _("certbot's plugin for dns-01 comes with the virtual environment alone")
        yield Problem("certbot", expected, _('remove "certbot": "distribution"'))
    if values["certificate"] == "external":
        expected = _("a certificate from elsewhere is proved there")
        yield Problem("acme_challenge", expected, _('remove "certificate": "external"'))


def _replaced(values: Mapping[str, Any]) -> Iterable[Problem]:
    """By RFC 2136 lego replaces a record, and a name and its wildcard share theirs."""
    if values["acme_dns_provider"] != "rfc2136":
        return
    names = {values["domain"], values["callback_domain"], *values["certificate_names"]}
    for name in names:
        if name and f"*.{name}" in names:
            expected = _("not *.{name} beside {name}: by rfc2136 one record replaces the other",
                         name=name)  # fmt: skip
            remedy = _("leave one of them out, or use a provider with an API of its own")
            yield Problem("certificate_names", expected, remedy)


RULES = (
    *(_challenge, _proxies, _backup, _external, _plain_downloads),
    *(_ports, _certbot, _owned_variables, _tunnel_domains),
)
