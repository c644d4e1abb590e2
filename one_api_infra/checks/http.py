"""Level 5: the callback routes, asked as a gateway asks: no redirect followed, nothing forgiven.

The exchanges are requests that are no payments; One API refuses them, and its refusal, with its
request id, proves the whole way.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from one_api_infra.checks import cdn, filing
from one_api_infra.checks.observation import Exchange, Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.shared.texts import N_, _

REDIRECTS = {301, 302, 303, 307, 308}
DOWN = {502, 503, 504}
CHALLENGE = re.compile(r"just a moment|challenge|captcha|verify you are human|人机|安全验证", re.I)
REQUEST_ID = "x-oneapi-request-id"
NGINX = N_("`pyinfra inventory.py deploys/nginx.py` writes the callback routes anew")
NGINX_BY_HAND = N_(
    "let nginx hand {url} to One API on ports 80 and 443 as it comes: no `return 301`, password,"
    " limit_req, gzip, error_page or other location before it; then `systemctl reload nginx`"
)
ANSWERED = ("callback.answered",)


def _shown(each: Exchange) -> str:
    told = each.error or str(each.status)
    if location := each.headers.get("location"):
        told += f" → {location}"
    return f"{each.method} {each.url}: {told}"


def _is_challenge(each: Exchange) -> bool:
    marked = "cf-mitigated" in each.headers or "www-authenticate" in each.headers
    return each.status in {401, 403, 503} and (
        marked or (each.is_html and bool(CHALLENGE.search(each.body)))
    )


def _fault(each: Exchange) -> str | None:
    """What is wrong with an exchange: the first symptom is the one that explains it."""
    symptoms: tuple[tuple[str, bool], ...] = (
        ("no_answer", bool(each.error)),
        ("redirect", each.status in REDIRECTS),
        ("challenge", _is_challenge(each)),
        ("down", each.status in DOWN),
        ("rate_limit", each.status == 429),
        ("method", each.status == 405),
        ("forbidden", each.status in {401, 403} and REQUEST_ID not in each.headers),
        ("html", each.is_html),
        ("compressed", "content-encoding" in each.headers),
        ("not_one_api", REQUEST_ID not in each.headers),
        ("server_error", each.status >= 500),
    )
    return next((name for name, is_so in symptoms if is_so), None)


def _looked_for(*faults: str) -> Callable[[Observation], Finding]:
    def judge(observation: Observation) -> Finding:
        if not observation.callbacks:
            return Skip(_("no callback route was asked"))
        for each in observation.callbacks:
            if (fault := _fault(each)) in faults:
                values = {"url": each.url, "method": each.method, "status": each.status}
                values |= {"location": each.headers.get("location", ""), "error": each.error}
                return Found(str(fault), _shown(each), values)
        return None

    return judge


def api_status(observation: Observation) -> dict[str, Any]:
    """What ``/api/status`` tells; empty if it is no answer of One API's."""
    try:
        answer = json.loads(observation.status.body if observation.status else "")
        return dict(answer["data"])
    except (ValueError, KeyError, TypeError):
        return {}


def _status(observation: Observation) -> Finding:
    if observation.status is None:
        return Skip(_("no address to connect to"))
    if observation.status.error or not api_status(observation):
        return Found("no_answer", _shown(observation.status), {"url": observation.status.url})
    return None


def _check(name: str, means: str, needs: tuple[str, ...], faults: dict[str, Fault]) -> Check:
    return Check(name, Level.HTTP, means, faults, _looked_for(*faults), needs)


CHECKS = (
    _check(
        "callback.answered",
        N_("The callback routes answer on 443 and on 80"),
        (
            "one_api.runs",
            "network.https_open",
            "network.http_open",
            filing.ID,
            "certificate.is_served",
            cdn.ID,
            "system.disk",  # nginx refuses callbacks that could not be recorded
        ),
        {
            "no_answer": Fault(
                N_("{method} {url} gets no answer: {error}"),
                N_(
                    "`pyinfra inventory.py deploys/nginx.py`, `systemctl restart nginx`;"
                    " then read /var/log/nginx/error.log"
                ),
                by_hand=N_("`systemctl restart nginx`; then read /var/log/nginx/error.log"),
            ),
            "down": Fault(
                N_("nginx answers {status} to {url}: it does not reach One API"),
                N_(
                    "`systemctl restart one-api`, `pyinfra inventory.py deploys/nginx.py`;"
                    " then read `journalctl -u one-api`"
                ),
                by_hand=N_("start One API, let `proxy_pass` name its port, then read its log"),
            ),
        },
    ),
    _check(
        "callback.no_redirect",
        N_("The callback routes answer without a redirect: gateways follow none"),
        ANSWERED,
        {"redirect": Fault(N_("{url} is redirected to {location}"), NGINX, by_hand=NGINX_BY_HAND)},
    ),
    _check(
        "callback.no_challenge",
        N_("No challenge page, password or block stands before the callback routes"),
        ANSWERED,
        {
            "challenge": Fault(
                N_("{url} is answered by a challenge page ({status}), which no gateway can solve"),
                N_(
                    "`pyinfra inventory.py deploys/nginx.py`; if it stays so, something stands"
                    " before the server: let the name lead here directly (DNS only)"
                ),
                by_hand=N_(
                    "take the page away for /api/; if it stays so, something stands before the"
                    " server: let the name lead to it directly (DNS only)"
                ),
            ),
            "forbidden": Fault(
                N_("{url} is refused with {status} before it reaches One API"),
                N_(
                    "`pyinfra inventory.py deploys/nginx.py`; remove the deny or WAF rule for the"
                    " path /api/"
                ),
                by_hand=N_("remove the deny or WAF rule for the path /api/"),
            ),
        },
    ),
    _check(
        "callback.no_rate_limit",
        N_("No rate limit meets callbacks"),
        ANSWERED,
        {
            "rate_limit": Fault(
                N_("{url} is answered 429: a rate limit eats callbacks"),
                N_(
                    "`pyinfra inventory.py deploys/one_api.py` sets One API's limits,"
                    " `pyinfra inventory.py deploys/nginx.py` nginx'"
                ),
                by_hand=N_("take the callback routes out of nginx' limit_req and One API's limits"),
            )
        },
    ),
    _check(
        "callback.methods",
        N_("GET and POST are taken, as the gateways send them"),
        ANSWERED,
        {"method": Fault(N_("{method} {url} is answered 405"), NGINX, by_hand=NGINX_BY_HAND)},
    ),
    _check(
        "callback.no_html",
        N_("The callback routes are answered by One API, not by a web page"),
        ANSWERED,
        {"html": Fault(N_("{url} is answered by a web page"), NGINX, by_hand=NGINX_BY_HAND)},
    ),
    _check(
        "callback.not_compressed",
        N_("The answer is plain bytes: gateways do not unpack it"),
        ANSWERED,
        {
            "compressed": Fault(
                N_("the answer to {url} is compressed"), NGINX, by_hand=NGINX_BY_HAND
            )
        },
    ),
    _check(
        "callback.refusal",
        N_("The answer is One API's own refusal"),
        ANSWERED,
        {
            "not_one_api": Fault(
                N_("{method} {url} is answered {status} by something else than One API"),
                NGINX,
                by_hand=NGINX_BY_HAND,
            ),
            "server_error": Fault(
                N_("One API answers {status} to {url}"),
                N_("read `journalctl -u one-api`; `systemctl restart one-api`"),
                by_hand=N_("read One API's log, and start it anew"),
            ),
        },
    ),
    Check(
        "one_api.status",
        Level.HTTP,
        N_("/api/status answers from outside"),
        {
            "no_answer": Fault(
                N_("{url} is not answered as One API answers it"),
                N_("`systemctl restart one-api`, then read `journalctl -u one-api`"),
                by_hand=N_("read One API's log, and start it anew"),
            )
        },
        _status,
        ("one_api.runs", "network.https_open", "certificate.is_served", cdn.ID),
    ),
)
