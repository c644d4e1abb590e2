"""A CDN before the callback name: its own answers are one fault, with the one remedy that helps."""

import json
from http import HTTPStatus
from pathlib import Path

import pytest

from one_api_infra.checks.verdict import State
from tests.lab import clouds
from tests.lab.sites import LabSite
from tests.lab.test_status import from_outside, status
from tests.unit.checks.test_cdn import ANSWERS, URL

CHECK = "cdn.passes"


def _seen(site: LabSite) -> list[dict[str, str]]:
    shown = status(site, *from_outside(site, site.lab.network.service("dns")), "--json")
    (verdicts,) = json.loads(shown.stdout).values()
    return [each for each in verdicts if each["state"] == State.FAILED.value]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_each_answer_of_a_cdn_is_named_and_nothing_else(site: LabSite, tmp_path: Path) -> None:
    assert _seen(site) == []
    for code, headers, body, cdn, what in ANSWERS:
        told = {name: value.replace(URL, _status(site)) for name, value in headers.items()}
        with clouds.cdn(site, _answer(code, told, body), tmp_path):
            failed = _seen(site)
        assert [each["id"] for each in failed] == [CHECK], (code, headers, failed)
        assert cdn in failed[0]["cause"]
        assert what in failed[0]["cause"]
    assert _seen(site) == []


def _status(site: LabSite) -> str:
    return f"https://{site.domain}/api/status"


def _answer(code: int, headers: dict[str, str], body: str) -> str:
    words = HTTPStatus(code).phrase if code in set(HTTPStatus) else "x"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    length = f"Content-Length: {len(body)}\r\nConnection: close\r\n"
    return f"HTTP/1.1 {code} {words}\r\n{head}{length}\r\n{body}"
