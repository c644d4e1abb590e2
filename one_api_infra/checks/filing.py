"""Level 3: the page that a cloud in mainland China shows for a name without an ICP filing (备案).

It is put in on the way, by Host on every port and by the name in TLS' handshake, which is reset;
the server itself never sees such a request. Signatures as people reported them until 2026: Alibaba
Cloud answers 403 with "Server: Beaver", that title and a frame from batit.aliyun.com or
aliyun.com/beian; Tencent Cloud 302 to dnspod.qcloud.com/static/webblock.html. Not every connection
is caught.
"""

import re
from dataclasses import dataclass

from one_api_infra.checks.observation import Exchange, Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.shared.texts import N_, _

ID = "network.is_filed"
REMEDY = N_(
    "file the name with that cloud (ICP 备案), or connect a filing from elsewhere to it"
    " (接入备案); the authority takes up to 20 working days. Or serve it from outside mainland"
    " China. No certificate and no other port helps"
)


@dataclass(frozen=True)
class Signature:
    """What of an answer tells that it is a cloud's own: ``place`` is ``body`` or a header."""

    cloud: str
    status: int
    place: str
    pattern: str


SIGNATURES = (
    Signature("Alibaba Cloud", 403, "server", r"^Beaver$"),
    Signature("Alibaba Cloud", 403, "body", r"Non-compliance ICP Filing"),
    Signature("Alibaba Cloud", 403, "body", r"batit\.aliyun\.com/alww|aliyun\.com/beian/"),
    Signature("Tencent Cloud", 302, "location", r"^https?://dnspod\.qcloud\.com/static/webblock"),
    Signature("?", 403, "body", r"尚未(进行)?备案|未完成备案|网站未备案"),
)


def cloud(answer: Exchange) -> str:
    """The cloud whose page this is; empty if it is none's."""
    for each in SIGNATURES:
        text = answer.body if each.place == "body" else answer.headers.get(each.place, "")
        if answer.status == each.status and re.search(each.pattern, text):
            return each.cloud
    return ""


def _filed(observation: Observation) -> Finding:
    for each in observation.fronts:
        if found := cloud(each):
            seen = f"{each.url}: {each.status} {each.headers.get('location', '')}".strip()
            return Found("page", seen, {"url": each.url, "cloud": found})
    for shake in observation.handshakes:
        if shake.is_reset_by_name:
            values = {"name": shake.name, "address": shake.address}
            return Found("reset", f"{shake.name} @ {shake.address}: {shake.error}", values)
    if not observation.fronts and not observation.handshakes:
        return Skip(_("no address to connect to"))
    return None


FILED = Check(
    ID,
    Level.NETWORK,
    N_("No cloud stands before the name for want of an ICP filing"),
    {
        "page": Fault(
            N_("a cloud ({cloud}) answers {url} itself: the name has no ICP filing there"), REMEDY
        ),
        "reset": Fault(
            N_(
                "the TLS handshake for {name} is reset on the way to {address}, and for another"
                " name it is not: a cloud blocks the name, as for want of an ICP filing"
            ),
            REMEDY,
        ),
    },
    _filed,
    ("dns.resolves", "dns.points_here"),
)
