"""Level 5: no CDN answers in the place of the server.

A CDN that stands before a name answers some requests itself: a page for browsers, a refusal, the
news that it does not reach the server. Sources: Cloudflare's documents on cf-mitigated, on 52x and
on Bot Fight Mode; EdgeOne's on its status codes and on its default headers; Alibaba Cloud's on
X-Tengine-Error and X-Tengine-Bf-Error.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from one_api_infra.checks import dns, filing
from one_api_infra.checks.observation import Exchange, Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.shared.texts import N_, _

ID = "cdn.passes"
REQUEST_ID = "x-oneapi-request-id"  # One API's own: what has it came all the way
DNS_ONLY = N_(
    "let {name} lead to this server directly (DNS only), or put such a name into"
    ' "callback_domain"; no rule of the CDN helps where its bot protection cannot be switched off'
    " for a path, as on Cloudflare's free plan"
)
REACH = N_(
    "let the CDN reach this server on port 443 (its ranges: `trusted_proxies`), with TLS mode"
    " “Full (strict)”; or let {name} lead here directly (DNS only)"
)


@dataclass(frozen=True)
class Signature:
    """What of an answer tells whose it is, and what it means: a fault of the check.

    ``statuses`` are a regex; ``place`` is a header, or ``body``.
    """

    cdn: str
    fault: str
    statuses: str
    place: str
    pattern: str


# In this order: the first that fits says most.
SIGNATURES = (
    Signature("Cloudflare", "challenge", r"\d+", "cf-mitigated", r"challenge"),
    Signature("Cloudflare", "challenge", r"403|503|429", "body", r"Just a moment\.\.\.|cf_chl_"),
    Signature("Cloudflare", "slow", r"524", "server", r"^cloudflare$"),
    Signature("Cloudflare", "unreached", r"52\d|530", "server", r"^cloudflare$"),
    Signature("Cloudflare", "refused", r"403|429|1\d{3}", "body", r"error code: 1\d{3}"),
    Signature("Cloudflare", "refused", r"403|429", "server", r"^cloudflare$"),
    Signature("EdgeOne", "unknown", r"418", "server", r"^TencentEdgeOne$"),
    Signature("EdgeOne", "challenge", r"566|567", "eo-log-uuid", r"."),
    Signature("EdgeOne", "slow", r"524", "eo-log-uuid", r"."),
    Signature("EdgeOne", "unreached", r"52\d|54\d", "eo-log-uuid", r"."),
    Signature("EdgeOne", "refused", r"4\d\d|5\d\d", "server", r"^TencentEdgeOne$"),
    Signature("Alibaba Cloud", "unknown", r"403", "x-tengine-bf-error", r"non-existent domain"),
    Signature("Alibaba Cloud", "refused", r"403|405", "x-tengine-error", r"denied by"),
    Signature("Alibaba Cloud", "unreached", r"50[234]", "x-tengine-error", r"."),
    Signature("ESA", "challenge", r"\d+", "body", r"esa-challenge|ESA_CHALLENGE|acw_sc__v[23]"),
    Signature("ESA", "refused", r"403|405", "server", r"^ESA$"),
    Signature("ESA", "unreached", r"50[234]", "server", r"^ESA$"),
)


def signature(answer: Exchange) -> Signature | None:
    """Whose answer it is; None if it came all the way, or is none's that is known."""
    if REQUEST_ID in answer.headers:
        return None
    for each in SIGNATURES:
        text = answer.body if each.place == "body" else answer.headers.get(each.place, "")
        if re.fullmatch(each.statuses, str(answer.status)) and re.search(each.pattern, text):
            return each
    return None


def _asked(observation: Observation) -> tuple[Exchange, ...]:
    """What was asked over TLS: ``/api/status``, and the callback routes."""
    status = (observation.status,) if observation.status else ()
    return (*status, *observation.callbacks)


def _passes(observation: Observation) -> Finding:
    asked = _asked(observation)
    if not asked:
        return Skip(_("no callback route was asked"))
    for each in asked:
        name = urlsplit(each.url).hostname or each.url
        values = {"url": each.url, "name": name, "status": each.status}
        if found := signature(each):
            return Found(found.fault, f"{each.url}: {each.status}", values | {"cdn": found.cdn})
        if each.status in {301, 302, 307, 308} and _leads_back(each):
            return Found("loop", f"{each.url} → {each.url}", values)
    return None


def _leads_back(answer: Exchange) -> bool:
    return answer.headers.get("location", "").partition("?")[0] == answer.url


def _limit(observation: Observation) -> Finding:
    """Where the site's own name may stand behind a CDN, what that costs is said."""
    target = observation.target
    for address in observation.addresses(target.domain):
        if dns.proxy(address) and target.is_behind(address):
            return Found("streams", address, {"name": target.domain, "cdn": dns.proxy(address)})
    return None


def _fault(cause: str, remedy: str = DNS_ONLY, *, is_warning: bool = False) -> Fault:
    return Fault(cause, remedy, is_warning=is_warning)


Judge = Callable[[Observation], Finding]

CHECKS = (
    Check(
        ID,
        Level.HTTP,
        N_("No CDN answers in the place of the server"),
        {
            "challenge": _fault(
                N_("{cdn} answers {url} with a page for browsers ({status}): no gateway solves it")
            ),
            "refused": _fault(N_("{cdn} refuses {url} itself ({status})")),
            "unreached": _fault(
                N_("{cdn} answers {url} with {status}: it does not reach this server"), REACH
            ),
            "slow": _fault(N_("{cdn} waited in vain for an answer to {url} ({status})"), REACH),
            "unknown": _fault(
                N_("{cdn} does not know {name} ({status}), to which its DNS record leads"),
                N_("add {name} in the CDN's console, or let it lead here directly (DNS only)"),
            ),
            "loop": _fault(
                N_("{url} is redirected to itself: a CDN comes to port 80 for it (“Flexible”)"),
                N_("set the CDN's TLS mode to “Full (strict)”, or let {name} lead here (DNS only)"),
            ),
        },
        _passes,
        ("one_api.runs", "network.https_open", filing.ID, "certificate.is_served"),
    ),
    Check(
        "cdn.limit",
        Level.HTTP,
        N_("Long answers are not cut by a CDN"),
        {
            "streams": _fault(
                N_("{name} is behind {cdn}: what is not answered within 125 s ends with 524"),
                N_("let API clients use a name that leads here directly (DNS only); or waive it"),
                is_warning=True,
            )
        },
        _limit,
        ("dns.resolves",),
    ),
)
