"""A laptop behind a NAT: a network of its own that reaches the lab, and that nothing reaches.

Two network namespaces: the laptop's, and that of a router which has an address on the lab's bridge
and hides it.
"""

import contextlib
import ipaddress
import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from one_api_infra.lab import process
from one_api_infra.lab.network import Network
from one_api_infra.lab.process import run

HOME = ipaddress.ip_network("192.168.77.0/24")
LAN = "lan"  # the router's link to the laptop
ROUTER, LAPTOP = str(HOME[1]), str(HOME[2])
NAMESPACES = Path("/run/netns")
RESOLV = Path("/etc/netns")
MENDED = "table ip cut\ndelete table ip cut\n"  # also where there is none


@dataclass(frozen=True)
class Laptop:
    """``number`` is its router's in the lab; what runs on it is noted in ``directory``."""

    name: str
    number: int
    network: Network
    directory: Path

    @property
    def space(self) -> str:
        """Its namespace's name."""
        return f"oai-{self.network.name}-{self.name}"

    @property
    def router(self) -> str:
        """The router's."""
        return f"{self.space}-nat"

    @property
    def wire(self) -> str:
        """The router's end of its wire on this machine; labs stand side by side."""
        return f"oail{int(self.network.subnet.network_address) >> 8 & 0x1FF}-{self.number}"

    @property
    def address(self) -> str:
        """Its router's address: where it seems to come from."""
        return self.network.address(self.number)

    def up(self) -> None:
        """Make both namespaces."""
        self.directory.mkdir(parents=True)
        (self.directory / "number").write_text(str(self.number))
        for space in (self.space, self.router):
            run("ip", "netns", "add", space)
            run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "link", "add", self.wire, "type", "veth", "peer", "name", "wan",
            "netns", self.router)  # fmt: skip
        run("ip", "link", "set", self.wire, "master", self.network.bridge, "up")
        run("ip", "-n", self.router, "addr", "add", f"{self.address}/24", "dev", "wan")
        run("ip", "-n", self.router, "link", "add", LAN, "type", "veth", "peer", "name", "wlan",
            "netns", self.space)  # fmt: skip
        run("ip", "-n", self.router, "addr", "add", f"{ROUTER}/24", "dev", LAN)
        run("ip", "-n", self.space, "addr", "add", f"{LAPTOP}/24", "dev", "wlan")
        for space, links in ((self.router, ("wan", LAN)), (self.space, ("wlan",))):
            for link in links:
                run("ip", "-n", space, "link", "set", link, "up")
        ways = {self.space: ROUTER, self.router: self.network.service("router")}
        for space, way in ways.items():
            run("ip", "-n", space, "route", "add", "default", "via", way)
        self._hide()
        folder = RESOLV / self.space
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "resolv.conf").write_text(f"nameserver {self.network.service('dns')}\n")

    def _hide(self) -> None:
        """Let the router hide the laptop, and let nothing in that was not asked for."""
        rules = (
            "table ip nat {\n chain postrouting {\n type nat hook postrouting priority srcnat;\n"
        )
        rules += ' oifname "wan" masquerade\n }\n}\ntable ip filter {\n chain forward {\n'
        rules += " type filter hook forward priority 0; policy drop;\n"
        rules += ' ct state established,related accept\n iifname != "wan" accept\n }\n}\n'
        inside = ("ip", "netns", "exec", self.router)
        run(*inside, "nft", "-f", "-", stdin=rules)
        run(*inside, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a program on it; what it says goes to ``NAME.log`` in ``directory``."""
        words = ["ip", "netns", "exec", self.space, *command]
        process.start(self.directory, name, words, environment)

    def stop(self, name: str) -> None:
        """End a program, and what it has started."""
        process.stop(self.directory, name)

    def said(self, name: str) -> str:
        """What a program has said."""
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def cut(self, *, loss: int = 100) -> None:
        """Lose so many of a hundred packets on the way, both ways; not every kernel has netem."""
        self.mend()
        chance = f"numgen random mod 100 < {loss} " if loss < 100 else ""
        rules = "table ip cut {\n chain way {\n type filter hook prerouting priority -300;\n"
        rules += f" {chance}drop\n }}\n}}\n"
        run("ip", "netns", "exec", self.router, "nft", "-f", "-", stdin=rules)

    def mend(self) -> None:
        """Lose none any more."""
        run("ip", "netns", "exec", self.router, "nft", "-f", "-", stdin=MENDED)

    @contextlib.contextmanager
    def asleep(self) -> Iterator[None]:
        """Every program on it is stopped where it is, and nothing of it reaches the network."""
        self.cut()
        self._signal(signal.SIGSTOP)
        yield
        self._signal(signal.SIGCONT)
        self.mend()

    def _signal(self, which: signal.Signals) -> None:
        for each in run("ip", "netns", "pids", self.space).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(each), which)

    def remove(self) -> None:
        """End what runs on it, and remove it."""
        for path in self.directory.glob("*.pid"):
            process.stop(self.directory, path.stem)
        for space in (self.space, self.router):
            if (NAMESPACES / space).exists():
                run("ip", "netns", "del", space)
        shutil.rmtree(RESOLV / self.space, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)
