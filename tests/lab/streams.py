"""Streams through a site to the lab's provider."""

import json
import ssl
import time
from typing import Any

import httpx

from tests.lab.sites import LabSite


def prepare(site: LabSite, *models: str) -> str:
    """A channel to the lab's provider for these models; a token for it."""
    api = site.api()
    provider = f"http://{site.lab.network.service('provider')}:8000"
    channel = {"type": 1, "name": "lab", "key": "sk-lab", "base_url": provider}
    channel |= {"models": ",".join(models), "group": "default"}
    token = {"name": "lab", "expired_time": -1, "remain_quota": 0, "unlimited_quota": True}
    if site.settings.get("edition") == "new-api":
        return _prepare_new_api(site, channel, token)
    added = api.request("POST", "/api/channel/", channel)
    assert added["success"], added
    assert api.request("POST", "/api/token/", token | {"group": ""})["success"]
    listed = api.request("GET", "/api/token/?page=1&size=10")["data"]
    rows = listed["data"] if isinstance(listed, dict) else listed
    return f"sk-{rows[0]['key']}"


def _prepare_new_api(site: LabSite, channel: dict[str, Any], token: dict[str, Any]) -> str:
    api = site.api()
    prices = json.dumps(dict.fromkeys(channel["models"].split(","), 1))
    api.set_option("ModelRatio", prices)
    for path, body in (
        ("/api/channel/", {"mode": "single", "channel": channel}),
        ("/api/token/", token),
    ):
        added = api.request("POST", path, body)
        assert added["success"], added
    # It shows no key again.
    return f"sk-{site.rows('SELECT key FROM tokens ORDER BY id DESC LIMIT 1')[0][0]}"


def stream(site: LabSite, token: str, model: str) -> int:
    """How many events came before the end."""
    return len(delays(site, token, model))


def delays(site: LabSite, token: str, model: str) -> list[float]:
    """How long each event took from the provider to here, in seconds, to the stream's end."""
    context = ssl.create_default_context(cafile=str(site.lab.ca.issuer))
    with (
        httpx.Client(verify=context, timeout=30) as client,
        client.stream(
            "POST",
            f"https://{site.host.address}/v1/chat/completions",
            headers={"Host": site.domain, "Authorization": f"Bearer {token}"},
            extensions={"sni_hostname": site.domain},
            json={"model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}]},
        ) as reply,
    ):
        assert reply.status_code == 200, reply.read()
        return [
            time.time() - json.loads(content)["sent"]
            for line in reply.iter_lines()
            if (content := _content(line))
        ]


def _content(line: str) -> str:
    if not line.startswith("data: {"):
        return ""
    choices = json.loads(line.removeprefix("data: ")).get("choices") or [{}]
    return str(choices[0].get("delta", {}).get("content") or "")
