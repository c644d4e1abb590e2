"""Level 1: the domain as it is written, in the inventory and in One API."""

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level
from one_api_infra.shared.place import Place
from one_api_infra.shared.texts import N_
from one_api_infra.shared.unobserved import observed

STORED = ("one_api.runs", "one_api.is_claimed")  # what is stored is told by One API to root
DEPLOY = N_("`pyinfra inventory.py deploys/callback_domain.py` writes {wanted} there")
FORMS = {
    "empty": Fault(N_("{place} is empty: gateways are told no address to call"), DEPLOY),
    "scheme_missing": Fault(
        N_("{place} is {value}, without https://: the notify URL has no scheme"), DEPLOY
    ),
    "http": Fault(N_("{place} is {value}: http, so that gateways meet a redirect"), DEPLOY),
    "slash": Fault(
        N_("{place} is {value}: the slash at its end makes // in the notify URL"), DEPLOY
    ),
    "path": Fault(
        N_("{place} is {value}: the path behind the domain spoils the notify URL"), DEPLOY
    ),
    "port": Fault(N_("{place} is {value}: gateways call no other port than 443"), DEPLOY),
    "local": Fault(N_("{place} is {value}: no gateway can reach that"), DEPLOY),
    "elsewhere": Fault(N_("{place} is {value}, another domain than {wanted}"), DEPLOY),
}


def form(value: str, wanted: str) -> str | None:
    """What is wrong with a stored origin: a key of ``FORMS``; None if it is as wanted."""
    if value == wanted:
        return None
    text = value.strip()
    if not text:
        return "empty"
    if not re.match(r"https?://", text, re.I):
        return "scheme_missing"
    return _url_fault(text, wanted)


def _url_fault(text: str, wanted: str) -> str:
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return "port"
    if _is_local(host):
        return "local"
    if host != urlsplit(wanted).hostname:
        return "elsewhere"
    if parts.scheme.lower() == "http":
        return "http"
    if port is not None:
        return "port"
    return "slash" if parts.path in {"/", ""} else "path"


def _is_local(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host in {"localhost", ""} or host.endswith((".local", ".localhost", ".internal"))


def _places(observation: Observation, *, payments: bool) -> Iterator[Place]:
    for place in observed(observed(observation.on_server.one_api).stored).places:
        if (place.kind == "payment" or place.key == "CustomCallbackAddress") == payments:
            yield place


def _stored(observation: Observation, *, payments: bool) -> Finding:
    for place in _places(observation, payments=payments):
        if fault := form(place.value, place.wanted):
            values = {"place": str(place), "value": place.value, "wanted": place.wanted}
            return Found(fault, f'{place} = "{place.value}"', values)
    return None


def _server_address(observation: Observation) -> Finding:
    return _stored(observation, payments=False)


def _callback_domain(observation: Observation) -> Finding:
    return _stored(observation, payments=True)


CHECKS = (
    Check(
        "server_address.stored",
        Level.NAME,
        N_("One API's ServerAddress holds https://DOMAIN, exactly"),
        FORMS,
        _server_address,
        STORED,
    ),
    Check(
        "callback_domain.stored",
        Level.NAME,
        N_("Every payment row (or the callback address) holds https://DOMAIN, exactly"),
        FORMS,
        _callback_domain,
        STORED,
    ),
)
