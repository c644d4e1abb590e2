"""A lab: a network, DNS, a CA, a provider, and any number of hosts."""

import contextlib
import ipaddress
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from one_api_infra.lab import image, memory, process, stand_in
from one_api_infra.lab.ca import GATEWAY_NAMES, Ca
from one_api_infra.lab.errors import LabError
from one_api_infra.lab.host import Host
from one_api_infra.lab.inventory import DEMO, STATE
from one_api_infra.lab.laptop import Laptop
from one_api_infra.lab.network import Network

SUBNETS = ipaddress.ip_network(os.environ.get("ONE_API_LAB_SUBNET", "198.18.0.0/15"))
FIRST_HOST, WIDE = 11, 9
FORWARD, FORWARDED = Path("/proc/sys/net/ipv4/ip_forward"), STATE / "ip_forward"
# ZONES: dns2 answers from zone.json too, except for the names in its own zone2.json.
SOA = "ns.lab.test. admin.lab.test. 1 60 60 60 1"
ZONES = {"dns": "zone.json", "dns2": "zone2.json"}


class Lab:
    """The lab of that name. What is up is read from the machine, so any process may ask."""

    def __init__(self, name: str = DEMO) -> None:
        if not name.isalnum() or len(name) > 8:
            raise LabError(f"{name}: expected a lab's name of at most 8 letters and digits")
        self.name = name
        self.directory = STATE / "labs" / name
        self.images = STATE / "images"
        self.key = STATE / "id_ed25519"

    @property
    def _hosts(self) -> Path:
        return self.directory / "hosts"

    @property
    def network(self) -> Network:
        """The lab's network; its subnet is chosen when the lab first comes up."""
        number = int((self.directory / "subnet").read_text())
        base = int(SUBNETS.network_address) + (number << 8)
        return Network(self.name, ipaddress.IPv4Network((base, 24)))

    @property
    def ca(self) -> Ca:
        """The certificate authority."""
        network = self.network
        return Ca(self.directory / "ca", network.service("ca"), network.service("dns"))

    def up(self, *, owner: int | None = None, in_memory: bool = False) -> None:
        """Bring up the network and the services; with ``owner`` the lab dies with that process.

        ``in_memory``: its hosts are kept there rather than on disk, where there is enough.
        """
        self._must_be_ours()
        is_new = not self.directory.exists()
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            self._up(owner, in_memory=in_memory)
        except BaseException:  # Ctrl-C too
            if is_new:
                self.down()
            raise

    def _up(self, owner: int | None, *, in_memory: bool) -> None:
        with process.alone(STATE / "lock"):  # labs come up side by side
            self._choose_subnet()
            self._make_key()
            _let_through()
        if owner:
            process.remember(self.directory, "owner", owner)
            self._start_service("reaper", str(owner), self.name)
        if in_memory:
            memory.hold(self._hosts)
        self.network.up()
        if not (self.directory / "zone.json").exists():
            self.zone({})
        for service, zone in ZONES.items():
            self._start_service(
                service, self.network.service(service), str(self.directory / zone), module="dns"
            )
        self._start_service("provider", self.network.service("provider"))
        self._start_service("epay", self.network.service("gateway"))
        self.ca.start()
        self._start_service("apis", self.network.service("gateway"), str(self.ca.directory))
        self._await_services()

    def down(self, *, keep_reaper: bool = False) -> None:
        """Remove the lab with all its hosts; the images stay."""
        self._must_be_ours()
        if process.number(self.directory / "subnet") is None:
            Network(self.name, ipaddress.IPv4Network("198.18.0.0/24")).down()  # it goes by names
            memory.drop(self._hosts)
            shutil.rmtree(self.directory, ignore_errors=True)
            return
        for laptop in self.laptops():
            laptop.remove()
        for host in self.hosts():
            host.remove()
        self.ca.stop()
        for service in (*ZONES, "provider", "epay", "apis"):
            process.stop(self.directory, service)
        self.network.down()
        if not keep_reaper:  # last: it ends what a killed one has begun
            process.stop(self.directory, "reaper")
        memory.drop(self._hosts)
        shutil.rmtree(self.directory, ignore_errors=True)
        _stop_letting_through()

    def _must_be_ours(self) -> None:
        """LabError for a lab whose owner lives and is another than who asks."""
        owner = process.running(self.directory, "owner")
        if owner and owner not in process.ancestors(os.getpid()):
            raise LabError(f"{self.name}: this lab is in use by process {owner}: wait for its end")

    def _await_services(self) -> None:
        """Each of them listens; LabError with its last words where one has ended at its start."""
        names = (*ZONES, "provider", "epay", "apis")
        for name in names:
            listens = partial(process.listens, self.directory, name)
            process.wait_until(listens, 20, f"{name} to listen")

    def hosts(self) -> list[Host]:
        """The hosts of this lab, up or not."""
        paths = self._hosts.glob("*/number")
        return [self.host(path.parent.name) for path in paths if process.number(path) is not None]

    def host(self, name: str) -> Host:
        """The host of that name."""
        directory = self._hosts / name
        if not (directory / "number").exists():
            raise LabError(f"{name}: no such host; `one-api-infra lab list` shows the hosts")
        number = int((directory / "number").read_text())
        return Host(name, number, self.network, directory, self.key)

    def create(self, name: str, system: str = "debian-13", *, of: Path | None = None) -> Host:
        """A new host that runs: a clone of ``system``, with the saved layer ``of`` on it.

        A layer that was a host's own stands on what that host stood on.
        """
        if not name.isalnum() or len(name) > 8:
            raise LabError(f"{name}: expected a host's name of at most 8 letters and digits")
        layers = [of, *_below(of)] if of else []
        layers = layers if len(layers) > 1 else [*layers, self.image(system)]
        directory = self._hosts / name
        if directory.exists():
            raise LabError(
                f"{name}: there is such a host; `one-api-infra lab down --lab {self.name}` removes"
                " the lab"
            )
        host = Host(name, self._free_number(), self.network, directory, self.key)
        host.clone(layers, self.network.service("dns"))
        try:
            host.boot()
        except LabError:
            host.remove()
            raise
        return host

    def laptops(self) -> list[Laptop]:
        """The laptops of this lab."""
        return [
            Laptop(path.parent.name, int(path.read_text()), self.network, path.parent)
            for path in self.directory.glob("laptops/*/number")
        ]

    def laptop(self, name: str) -> Laptop:
        """A new laptop behind a NAT."""
        directory = self.directory / "laptops" / name
        made = Laptop(name, self._free_number(), self.network, directory)
        made.up()
        return made

    def image(self, system: str) -> Path:
        """The image of a Debian release, built when it is missing."""
        with process.alone(STATE / f"{system}.lock"):
            return image.build(self.images, system, self.key.with_suffix(".pub").read_text())

    def zone(self, records: dict[str, dict[str, list[str]]]) -> None:
        """Replace the DNS zone."""
        here = {"NS": ["ns.lab.test."], "SOA": [SOA]}
        # Else who looks for the zone of another name would ask this machine's own resolvers.
        own = {"test": here, "lab.test": here, "ns.lab.test": {"A": [self.network.service("dns")]}}
        own |= {name: {"A": [self.network.service("gateway")]} for name in GATEWAY_NAMES}
        self._write_zone("dns", own | records)

    def differ(self, records: dict[str, dict[str, list[str]]]) -> None:
        """Let the second resolver say otherwise about these names, and about no other."""
        self._write_zone("dns2", records)

    def _write_zone(self, service: str, records: dict[str, dict[str, list[str]]]) -> None:
        path = self.directory / ZONES[service]
        path.with_suffix(".new").write_text(json.dumps(records, indent=1))
        path.with_suffix(".new").rename(path)

    def records(self, **names: dict[str, list[str]]) -> None:
        """Add or change names of the zone."""
        path = self.directory / "zone.json"
        self.zone(json.loads(path.read_text()) | names)

    def point(self, domain: str, host: Host) -> None:
        """Let ``domain`` resolve to ``host``, over IPv4 and IPv6."""
        self.records(**{domain: {"A": [host.address], "AAAA": [host.address6]}})

    @property
    def stand_in(self) -> Path:
        """The One API stand-in: one executable file."""
        path = self.directory / "one-api-stand-in"
        return path if path.exists() else stand_in.build(path)

    def settings(self) -> dict[str, Any]:
        """The settings that every site in the lab needs beside its domain."""
        return {
            "lab": True,
            "acme_email": "admin@lab.test",
            "acme_server": self.ca.url("production"),
            "acme_staging_server": self.ca.url("staging"),
            "acme_ca_file": str(self.ca.https_root),
            "trusted_ca_file": str(self.ca.trusted),
            "dns_resolvers": [self.network.service(service) for service in ZONES],
            "token_encoders": False,
            "waive": ["backup.is_set"],  # nothing here is worth one
            "gateway_networks": [str(SUBNETS)],
            "artifact": os.environ.get("ONE_API_BINARY") or str(self.stand_in),
            **({"pip_index": index} if (index := os.environ.get("PIP_INDEX_URL")) else {}),
        }

    def write_inventory(self, data: dict[str, dict[str, Any]]) -> None:
        """Set the settings of the lab's hosts: what ``inventory/lab.py`` gives to pyinfra."""
        (self.directory / "inventory.json").write_text(json.dumps(data, indent=1))

    def _choose_subnet(self) -> None:
        path = self.directory / "subnet"
        if process.number(path) is not None:
            return
        taken = {process.number(each) for each in (STATE / "labs").glob("*/subnet")}
        known = routed()
        for number in range(SUBNETS.num_addresses >> 8):
            chosen = ipaddress.ip_network((int(SUBNETS.network_address) + (number << 8), 24))
            if number not in taken and not any(chosen.overlaps(each) for each in known):
                process.write(path, str(number))
                return
        raise LabError(f"{SUBNETS}: no /24 of it is free; name another by ONE_API_LAB_SUBNET")

    def _make_key(self) -> None:
        if not self.key.exists():
            new = self.key.with_name(f"{self.key.name}.new")
            for path in (new, new.with_name(f"{new.name}.pub")):
                path.unlink(missing_ok=True)
            process.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", new)
            new.with_name(f"{new.name}.pub").rename(self.key.with_suffix(".pub"))
            new.rename(self.key)

    def _free_number(self) -> int:
        taken = {host.number for host in self.hosts()}
        taken |= {laptop.number for laptop in self.laptops()}
        return next(number for number in range(FIRST_HOST, 250) if number not in taken)

    def _start_service(self, name: str, *arguments: str, module: str = "") -> None:
        if not process.running(self.directory, name):
            command = [sys.executable, "-m", f"one_api_infra.lab.{module or name}", *arguments]
            process.start(self.directory, name, command)


def _below(layer: Path) -> list[Path]:
    """What a host's own layer stands on; nothing for one that was saved."""
    known = layer.parent / "layers.json"
    return list(map(Path, json.loads(known.read_text()))) if known.exists() else []


def labs() -> list[Lab]:
    """Every lab that this machine holds."""
    return [Lab(path.name) for path in sorted((STATE / "labs").glob("*")) if path.is_dir()]


def clean() -> None:
    """Remove every lab and every image."""
    for lab in labs():
        lab.down()
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(["rm", "-rf", "--one-file-system", str(STATE)], check=True)


def routed() -> list[ipaddress.IPv4Network]:
    """The networks that this machine has already: a VPN's, a proxy's made-up addresses."""
    told = json.loads(process.run("ip", "-4", "-json", "route", "show", "table", "all") or "[]")
    names = [str(each.get("dst", "")) for each in told if not _is_labs(str(each.get("dev", "")))]
    found = [ipaddress.IPv4Network(name, strict=False) for name in names if name[:1].isdigit()]
    return [each for each in found if each.prefixlen >= WIDE]  # else a VPN's way to everything


def _is_labs(device: str) -> bool:
    return device.startswith("oai")


def _let_through() -> None:
    """Let this machine forward, and note what it did before the first lab."""
    if not FORWARDED.exists():
        process.write(FORWARDED, FORWARD.read_text())
    FORWARD.write_text("1")


def _stop_letting_through() -> None:
    """After the last lab, what was before."""
    with process.alone(STATE / "lock"):
        if FORWARDED.exists() and not list((STATE / "labs").glob("*/subnet")):
            FORWARD.write_text(FORWARDED.read_text())
            FORWARDED.unlink()
