"""Events arrive as they are sent, on HTTP/1.1 and HTTP/2; streams outlive a reload."""

import json
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.lab.sites import LabSite
from tests.lab.streams import prepare

COUNT, GAP = 100, 20  # events, milliseconds
MODEL = f"stream-{COUNT}-{GAP}"


def _stream(site: LabSite, token: str, *, http2: bool) -> list[tuple[float, float]]:
    """The number of each event, and its delay in seconds."""
    context = ssl.create_default_context(cafile=str(site.lab.ca.issuer))
    arrived: list[tuple[float, float]] = []
    with (
        httpx.Client(verify=context, http1=not http2, http2=http2, timeout=30) as client,
        client.stream(
            "POST",
            f"https://{site.host.address}/v1/chat/completions",
            headers={"Host": site.domain, "Authorization": f"Bearer {token}"},
            extensions={"sni_hostname": site.domain},
            json={"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "hi"}]},
        ) as reply,
    ):
        assert reply.status_code == 200, reply.read()
        assert reply.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        for line in reply.iter_lines():
            content = _content(line)
            if content:
                arrived.append((content["n"], time.time() - content["sent"]))
    return arrived


def _content(line: str) -> dict[str, float] | None:
    if not line.startswith("data: {"):
        return None
    choices = json.loads(line.removeprefix("data: ")).get("choices") or [{}]
    content = choices[0].get("delta", {}).get("content")
    return dict(json.loads(content)) if content else None


@pytest.mark.parametrize("http2", [False, True])
def test_events_arrive_as_they_are_sent(site: LabSite, http2: bool) -> None:
    arrived = _stream(site, prepare(site, MODEL), http2=http2)
    assert [number for number, _delay in arrived] == list(range(COUNT))
    # Held back, the first event would come when the last one is sent.
    assert max(delay for _number, delay in arrived) < COUNT * GAP / 1000 / 4


def test_streams_outlive_a_reload(site: LabSite) -> None:
    token = prepare(site, MODEL)
    with ThreadPoolExecutor(20) as pool:
        streams = [pool.submit(_stream, site, token, http2=False) for _index in range(20)]
        time.sleep(1)
        site.host.ssh("systemctl reload nginx")
        whole = [len(stream.result()) for stream in streams]
    assert whole == [COUNT] * 20
