"""What of a machine's own firewall stands in a lab's way."""

from typing import Any

import pytest

from one_api_infra.lab.network import blocking


def chain(hook: str, policy: str, name: str = "FORWARD") -> dict[str, Any]:
    return {"chain": {"family": "ip", "table": "filter", "name": name, "hook": hook,
                      "policy": policy}}  # fmt: skip


def rule(interface: str, name: str = "FORWARD") -> dict[str, Any]:
    match = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": interface}}
    return {"rule": {"family": "ip", "table": "filter", "chain": name, "expr": [match]}}


@pytest.mark.parametrize(("told", "rules"), [
    ([], 0), ([chain("forward", "accept")], 0), ([chain("output", "drop")], 0),
    ([chain("forward", "drop"), rule("docker0")], 2), ([chain("input", "drop", "INPUT")], 1),
    ([chain("forward", "drop"), rule("oai-*")], 0),
    ([chain("forward", "drop"), rule("oai-*", "INPUT")], 2),
])  # fmt: skip
def test_a_firewall_that_drops_is_named(told: list[dict[str, Any]], rules: int) -> None:
    found = blocking({"nftables": [{"metainfo": {}}, *told]})
    assert "\n".join(found).count("nft insert rule ip filter ") == rules
