"""A lab's network: a bridge with an address for each service, and a way out to the mirrors."""

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from one_api_infra.lab.errors import LabError
from one_api_infra.lab.process import run

SERVICES = {"router": 1, "dns": 2, "ca": 3, "gateway": 4, "provider": 5, "dns2": 6}
IFF_UP = 1
PREFIX = "oai-"  # of every lab's bridge


@dataclass(frozen=True)
class Network:
    """The lab ``name`` on a /24 of the benchmarking range 198.18.0.0/15 and a unique local /64."""

    name: str
    subnet: ipaddress.IPv4Network

    @property
    def bridge(self) -> str:
        """The bridge's interface name (15 characters at most)."""
        return f"{PREFIX}{self.name}"[:15]

    @property
    def table(self) -> str:
        """The nftables table that lets the hosts reach the package mirrors."""
        return f"one_api_lab_{self.name}"

    @cached_property
    def subnet6(self) -> ipaddress.IPv6Network:
        """The unique local network that belongs to ``subnet``."""
        third = int(self.subnet.network_address) >> 8 & 0xFFFF
        return ipaddress.IPv6Network(f"fd18:198:18:{third:x}::/64")

    def address(self, number: int) -> str:
        """The IPv4 address of a host or service by its number."""
        return str(self.subnet[number])

    def address6(self, number: int) -> str:
        """The IPv6 address of a host or service by its number."""
        return str(self.subnet6[number])

    def service(self, name: str) -> str:
        """The IPv4 address of one of ``SERVICES``."""
        return self.address(SERVICES[name])

    @property
    def is_up(self) -> bool:
        """Whether the bridge stands, to its end: what was cut off before it is up is made anew."""
        flags = Path(f"/sys/class/net/{self.bridge}/flags")
        return flags.exists() and bool(int(flags.read_text(), 16) & IFF_UP)

    def up(self) -> None:
        """Make the bridge, its addresses and the way out; nothing happens if it stands."""
        if self.is_up:
            return
        self.down()
        if problems := blocking(json.loads(run("nft", "-j", "list", "ruleset"))):
            raise LabError("\n".join(problems))
        run("nft", "-f", "-", stdin=self._way_out())
        # An address of its own: else it takes the lowest of its ports', and who knew it by the one
        # of before asks into the void for ten seconds whenever a port comes or goes.
        packed = self.subnet.network_address.packed
        hardware = ":".join(f"{byte:02x}" for byte in (0x02, 0x0A, *packed))
        run("ip", "link", "add", self.bridge, "address", hardware, "type", "bridge")
        for number in SERVICES.values():
            run("ip", "addr", "add", f"{self.address(number)}/24", "dev", self.bridge)
            run("ip", "addr", "add", f"{self.address6(number)}/64", "dev", self.bridge, "nodad")
        run("ip", "link", "set", self.bridge, "up")

    def down(self) -> None:
        """Remove what ``up`` made."""
        if Path(f"/sys/class/net/{self.bridge}").exists():
            run("ip", "link", "del", self.bridge)
        if f"table ip {self.table}" in run("nft", "list", "tables"):
            run("nft", "delete", "table", "ip", self.table)

    def _way_out(self) -> str:
        # Where bridges call iptables, frames pass here on a far host's bridge too (delay.py): who
        # is noted there as a connection gets no other address any more on its way out.
        far = 'type filter hook prerouting priority raw; iifname "oaie-*" notrack'
        hook = "type nat hook postrouting priority srcnat"
        rule = f'ip saddr {self.subnet} oifname != "{self.bridge}" masquerade'
        chains = {"prerouting": far, "postrouting": f"{hook}; {rule}"}
        text = "\n".join(f"chain {name} {{ {rules}; }}" for name, rules in chains.items())
        return f"table ip {self.table} {{\n{text}\n}}\n"


def blocking(ruleset: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """What of this machine's own firewall drops a lab's packets (Docker's, ufw's), with the remedy.

    ``ruleset`` is nftables' JSON; a chain that lets bridges of labs through is no obstacle.
    """
    found = ruleset.get("nftables", ())
    let_through = {
        _chain(each["rule"], "chain")
        for each in found
        if "rule" in each and PREFIX in json.dumps(each)
    }
    dropping = [
        each["chain"]
        for each in found
        if "chain" in each
        and each["chain"].get("policy") == "drop"
        and each["chain"].get("hook") in {"input", "forward"}
    ]
    return [
        f"{name} of this machine's firewall drops what a lab's hosts send. Remedy, until it is"
        f" loaded anew:\n{_rules(name, each['hook'])}"
        for each in dropping
        if (name := _chain(each, "name")) not in let_through
    ]


def _chain(told: Mapping[str, Any], key: str) -> str:
    return f"{told['family']} {told['table']} {told[key]}"


def _rules(chain: str, hook: str) -> str:
    ways = ("iifname", "oifname") if hook == "forward" else ("iifname",)
    return "\n".join(f"nft insert rule {chain} {way} '\"{PREFIX}*\"' accept" for way in ways)
