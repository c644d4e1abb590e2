"""Level 4: TLS as a payment gateway judges it.

Verify codes are OpenSSL's (``X509_V_ERR_*`` in x509_vfy.h). Lifetimes are judged by the fraction
that is left: certificates live 90, 64, 45 or 6 days.
"""

from collections.abc import Iterator
from typing import Any

from one_api_infra.checks import filing
from one_api_infra.checks.observation import Handshake, Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.shared.certificate import Certificate
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.unobserved import observed

SELF_SIGNED = {18}
UNTRUSTED = {2, 19, 20, 21, 24}
WITHOUT_ISSUER, EXPIRED = {20, 21}, 10
# Renewal is due when a third is left (a half for the shortest); below this it has failed twice.
LIFE_WARNING, LIFE_FAILED = 0.25, 0.1
NEW, OLD = ("TLSv1.2", "TLSv1.3"), ("TLSv1", "TLSv1.1")
HTTPS = ("network.https_open", filing.ID)
SERVED = ("certificate.is_served",)
RENEW = N_(
    "`systemctl start one-api-certificate`, then read `journalctl -u one-api-certificate`;"
    " `pyinfra inventory.py deploys/certificate.py` lets nginx serve what is right"
)


RENEW_BY_HAND = N_(
    "let whoever manages the certificate renew it, put it with its whole chain and its key where"
    " nginx reads them, then `systemctl reload nginx`"
)
ISSUE_BY_HAND = N_(
    "let a public CA, such as Let's Encrypt, issue one for {name}, put it with its whole chain and"
    " its key where nginx reads them, then `systemctl reload nginx`"
)
CHAIN = N_("`pyinfra inventory.py deploys/certificate.py` serves the chain as the CA sent it")
CHAIN_BY_HAND = N_(
    "put the certificate and, below it in the same file, the intermediates that its CA names today"
    " (fullchain.pem, not cert.pem) where nginx reads them, then `systemctl reload nginx`"
)

PROTOCOLS_BY_HAND = N_("`ssl_protocols TLSv1.2 TLSv1.3;` in nginx' http block, then reload it")


def _shown(shake: Handshake) -> str:
    where = f"{shake.name} @ {shake.address}"
    if shake.error:
        return f"{where}: {shake.error}"
    names = ", ".join(shake.names)
    return f"{where}: {names}; {shake.issuer or '-'}; {shake.serial}; verify {shake.errors or 'ok'}"


def covers(names: tuple[str, ...], name: str) -> bool:
    """Whether SANs cover a name, exactly or by a wildcard of one label."""
    return name in names or f"*.{name.partition('.')[2]}" in names


def _served(observation: Observation) -> Iterator[Handshake]:
    return (each for each in observation.handshakes if not each.error)


def _is_served(observation: Observation) -> Finding:
    if not observation.handshakes:
        return Skip(_("no address to connect to"))
    for each in observation.handshakes:
        if each.error:
            fault = "timeout" if each.error == "timeout" else "refused"
            return Found(fault, _shown(each), {"name": each.name, "error": each.error})
    return None


def _self_signed(observation: Observation) -> Finding:
    for each in _served(observation):
        if each.is_self_signed or SELF_SIGNED & set(each.errors):
            return Found("self_signed", _shown(each), {"name": each.name})
    return None


def _in_time(observation: Observation) -> Finding:
    for each in _served(observation):
        if observation.now >= each.not_after:
            days = (observation.now - each.not_after) / 86400
            return Found("expired", _shown(each), {"name": each.name, "days": f"{days:.1f}"})
        if observation.now < each.not_before:
            return Found("early", _shown(each), {"name": each.name})
    return None


def _names(observation: Observation) -> Finding:
    for each in _served(observation):
        if not covers(each.names, each.name):
            values = {"name": each.name, "found": ", ".join(each.names) or "-"}
            return Found("missing", _shown(each), values)
    return None


def _chain(observation: Observation) -> Finding:
    for each in _served(observation):
        if WITHOUT_ISSUER & set(each.errors) and each.chain_length == 1:
            return Found("incomplete", _shown(each), {"issuer": each.issuer})
        if WITHOUT_ISSUER & set(each.errors) and not each.is_linked:
            return Found("broken", _shown(each), {"issuer": each.issuer})
        if EXPIRED in each.errors and observation.now < each.not_after:
            return Found("expired", _shown(each), {"issuer": each.issuer})
    return None


def _trusted(observation: Observation) -> Finding:
    for each in _served(observation):
        if UNTRUSTED & set(each.errors):
            return Found("untrusted", _shown(each), {"issuer": each.issuer})
    return None


def _life_left(observation: Observation) -> Finding:
    for each in _served(observation):
        left = (each.not_after - observation.now) / max(each.not_after - each.not_before, 1)
        if left < LIFE_WARNING:
            values = {"name": each.name, "percent": round(left * 100)}
            days = f"{(each.not_after - observation.now) / 86400:.1f}"
            fault = "failed" if left < LIFE_FAILED else "warning"
            return Found(fault, f"{_shown(each)}; {days} d", values)
    return None


def _on_disk(observation: Observation) -> Certificate | Found:
    wanted = observation.target.certificate_file
    for each in observed(observation.on_server.certificates):
        if each.certificate_file == wanted:
            return each
    return Found("gone", wanted, {"path": wanted})


def _served_is_on_disk(observation: Observation) -> Finding:
    disk = _on_disk(observation)
    if isinstance(disk, Found):
        return disk
    for each in _served(observation):
        if each.serial != disk.serial:
            evidence = f"{_shown(each)}; {disk.certificate_file}: {disk.serial}"
            return Found("differs", evidence, {"path": disk.certificate_file})
    return None


def _key_matches(observation: Observation) -> Finding:
    disk = _on_disk(observation)
    if isinstance(disk, Found):
        return None  # certificate.served_is_on_disk tells of it
    if not disk.key_matches:
        return Found("differs", disk.key_file, {"path": disk.key_file})
    return None


def _key_is_private(observation: Observation) -> Finding:
    disk = _on_disk(observation)
    if isinstance(disk, Found) or disk.key_is_private:
        return None
    return Found("open", disk.key_file, {"path": disk.key_file})


def _http2(observation: Observation) -> Finding:
    if observation.target.is_foreign:
        return Skip(_("what it should speak is not known"))
    for each in _served(observation):
        if each.application != "h2":
            return Found("missing", _shown(each))
    return None


def _protocols(observation: Observation) -> Finding:
    for each in _served(observation):
        if not each.protocols:
            continue
        if missing := [name for name in NEW if name not in each.protocols]:
            return Found("missing", " ".join(each.protocols), {"protocol": ", ".join(missing)})
        if old := [name for name in OLD if name in each.protocols]:
            return Found("old", " ".join(each.protocols), {"protocol": ", ".join(old)})
    return None


def _without_sni(observation: Observation) -> Finding:
    for each in _served(observation):
        if each.serial_without_sni and each.serial_without_sni != each.serial:
            values = {"name": each.name, "address": each.address}
            return Found("other", each.serial_without_sni, values)
    return None


def _check(name: str, means: str, faults: dict[str, Fault], judge: Any, *needs: str) -> Check:
    return Check(name, Level.TLS, means, faults, judge, needs or SERVED)


CHECKS = (
    _check(
        "certificate.is_served",
        N_("A TLS handshake for the domain succeeds"),
        {
            "refused": Fault(
                N_("port 443 refuses TLS for {name}: {error}"),
                N_(
                    "`pyinfra inventory.py deploys/certificate.py` obtains a certificate, serves it"
                ),
                by_hand=ISSUE_BY_HAND,
            ),
            "timeout": Fault(
                N_("port 443 answers, but not with TLS for {name}"),
                N_("`systemctl restart nginx`; look what listens on 443: `ss -tlnp`"),
            ),
        },
        _is_served,
        *HTTPS,
    ),
    _check(
        "certificate.self_signed",
        N_("The certificate is a CA's, not self-signed, no placeholder"),
        {
            "self_signed": Fault(
                N_("the certificate for {name} is self-signed: no gateway accepts it"),
                N_("`pyinfra inventory.py deploys/certificate.py` obtains one from the CA"),
                by_hand=ISSUE_BY_HAND,
            )
        },
        _self_signed,
    ),
    _check(
        "certificate.in_time",
        N_("The certificate is in its time"),
        {
            "expired": Fault(
                N_("the certificate for {name} expired {days} days ago"),
                RENEW,
                by_hand=RENEW_BY_HAND,
            ),
            "early": Fault(
                N_("the certificate for {name} is not valid yet"),
                N_("set the clock: `timedatectl set-ntp true`"),
            ),
        },
        _in_time,
    ),
    _check(
        "certificate.names",
        N_("The certificate names the domain and the callback domain"),
        {
            "missing": Fault(
                N_("the certificate does not name {name}; it names {found}"),
                N_("`pyinfra inventory.py deploys/certificate.py` obtains one for both names"),
                by_hand=ISSUE_BY_HAND,
            )
        },
        _names,
    ),
    _check(
        "certificate.chain",
        N_("The chain is sent whole: gateways fetch no intermediates"),
        {
            "incomplete": Fault(
                N_("the intermediate certificate of {issuer} is not sent"),
                CHAIN,
                by_hand=CHAIN_BY_HAND,
            ),
            "broken": Fault(
                N_("another intermediate certificate is sent than that of {issuer}"),
                CHAIN,
                by_hand=CHAIN_BY_HAND,
            ),
            "expired": Fault(
                N_("a certificate of the chain behind {issuer} has expired"),
                RENEW,
                by_hand=CHAIN_BY_HAND,
            ),
        },
        _chain,
        "certificate.self_signed",
    ),
    _check(
        "certificate.trusted",
        N_("The chain ends at a root that gateways trust"),
        {
            "untrusted": Fault(
                N_("the certificate's issuer {issuer} is not publicly trusted"),
                N_('remove "acme_server" (Let\'s Encrypt is the default), then deploy again'),
                by_hand=N_(
                    "let a CA that browsers trust issue it, such as Let's Encrypt, then"
                    " `systemctl reload nginx`"
                ),
            )
        },
        _trusted,
        "certificate.chain",
        "certificate.in_time",
    ),
    _check(
        "certificate.life_left",
        N_("Enough of the certificate's life is left"),
        {
            "warning": Fault(
                N_("{percent} % of the life of the certificate for {name} is left"),
                RENEW,
                is_warning=True,
                by_hand=RENEW_BY_HAND,
            ),
            "failed": Fault(
                N_("{percent} % of the life of the certificate for {name} is left"),
                RENEW,
                by_hand=RENEW_BY_HAND,
            ),
        },
        _life_left,
        "certificate.in_time",
    ),
    _check(
        "certificate.key_matches",
        N_("The key on disk is the certificate's"),
        {
            "differs": Fault(
                N_("{path} is not the key of the certificate beside it"),
                N_("`pyinfra inventory.py deploys/certificate.py` obtains both anew"),
                by_hand=RENEW_BY_HAND,
            )
        },
        _key_matches,
    ),
    _check(
        "certificate.key_is_private",
        N_("The certificate's key is root's alone"),
        {
            "open": Fault(
                N_("others on the server can read {path}: they could be this site"),
                N_("`chown root: {path}`, `chmod 600 {path}`"),
            )
        },
        _key_is_private,
    ),
    _check(
        "certificate.served_is_on_disk",
        N_("What is served is what is on disk"),
        {
            "differs": Fault(
                N_("nginx serves another certificate than {path}: it was not reloaded"),
                N_("`nginx -t && systemctl reload nginx`"),
            ),
            "gone": Fault(
                N_("{path} or its key cannot be read: at its next start nginx has none to serve"),
                N_("`pyinfra inventory.py deploys/certificate.py` obtains both anew"),
                by_hand=RENEW_BY_HAND,
            ),
        },
        _served_is_on_disk,
    ),
    _check(
        "tls.protocols",
        N_("TLS 1.2 and 1.3 are spoken, nothing older"),
        {
            "missing": Fault(
                N_("{protocol} is not spoken: some gateways cannot connect"),
                N_("`pyinfra inventory.py deploys/nginx.py` writes ssl_protocols anew"),
                by_hand=PROTOCOLS_BY_HAND,
            ),
            "old": Fault(
                N_("{protocol} is still spoken"),
                N_("`pyinfra inventory.py deploys/nginx.py` writes ssl_protocols anew"),
                by_hand=PROTOCOLS_BY_HAND,
                is_warning=True,
            ),
        },
        _protocols,
    ),
    _check(
        "tls.http2",
        N_("HTTP/2 is spoken: a page of chats opens more streams than browsers open connections"),
        {
            "missing": Fault(
                N_("nginx speaks no HTTP/2 any more"),
                N_("`pyinfra inventory.py deploys/nginx.py`"),
                is_warning=True,
            )
        },
        _http2,
    ),
    _check(
        "tls.without_sni",
        N_("A client that names no host is not shown another site's certificate"),
        {
            "other": Fault(
                N_("a gateway without SNI is shown another certificate than {name}'s"),
                N_("give {name} an address of its own, or make it the default server"),
                is_warning=True,
            )
        },
        _without_sni,
    ),
)
