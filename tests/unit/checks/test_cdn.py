"""What a CDN answers in the place of the server: each named as what it is, and nothing else."""

from dataclasses import replace

import pytest

from one_api_infra.checks import catalogue
from one_api_infra.checks.observation import Exchange
from one_api_infra.checks.verdict import State
from tests.unit.checks.observations import DOMAIN, SOUND

URL = f"https://{DOMAIN}/api/payment/notify/x"
OWN = {"x-oneapi-request-id": "1"}
PAGE = "<!DOCTYPE html><html><title>Just a moment...</title>"
ANSWERS = [
    (403, {"cf-mitigated": "challenge", "server": "cloudflare"}, PAGE, "Cloudflare", "browsers"),
    (503, {}, PAGE, "Cloudflare", "browsers"),
    (403, {"server": "cloudflare"}, "error code: 1020", "Cloudflare", "refuses"),
    (522, {"server": "cloudflare"}, "<html>", "Cloudflare", "does not reach"),
    (525, {"server": "cloudflare"}, "error code: 525", "Cloudflare", "does not reach"),
    (524, {"server": "cloudflare"}, "error code: 524", "Cloudflare", "waited in vain"),
    (566, {"eo-log-uuid": "1", "server": "TencentEdgeOne"}, "<html>", "EdgeOne", "browsers"),
    (418, {"server": "TencentEdgeOne"}, "", "EdgeOne", "does not know"),
    (523, {"eo-log-uuid": "1"}, "", "EdgeOne", "does not reach"),
    (403, {"x-tengine-error": "denied by req auth: no url arg auth_key"}, "", "Alibaba", "refuses"),
    (403, {"x-tengine-bf-error": "non-existent domain"}, "", "Alibaba", "does not know"),
    (405, {"server": "ESA"}, "<html>", "ESA", "refuses"),
    (200, {"server": "ESA"}, "<script>var arg1='x';acw_sc__v2</script>", "ESA", "browsers"),
    (301, {"location": f"{URL}?probe=1"}, "", "redirected to itself", "Flexible"),
]


@pytest.mark.parametrize(("status", "headers", "body", "cdn", "what"), ANSWERS)
def test_each_is_named(
    status: int, headers: dict[str, str], body: str, cdn: str, what: str
) -> None:
    seen = replace(SOUND, callbacks=(Exchange("GET", URL, status, headers, body),))
    (failed,) = [each for each in catalogue.judge(seen) if each.state is State.FAILED]
    assert failed.id == "cdn.passes"
    assert cdn in failed.cause
    assert what in failed.cause
    assert "DNS only" in failed.remedy


@pytest.mark.parametrize("headers", [
    {"server": "cloudflare"}, {"server": "TencentEdgeOne", "eo-log-uuid": "1"}, {"server": "ESA"},
    {"x-tengine-error": "non-existent"},
])  # fmt: skip
@pytest.mark.parametrize("status", [200, 400, 403])
def test_what_came_all_the_way_is_one_api_s(headers: dict[str, str], status: int) -> None:
    passed = Exchange("GET", URL, status, headers | OWN, "fail")
    seen = replace(SOUND, callbacks=(passed,))
    failed = [each.id for each in catalogue.judge(seen) if each.state is State.FAILED]
    assert "cdn.passes" not in failed
