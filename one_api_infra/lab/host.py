"""A lab host: a copy-on-write clone of an image, booted with its own systemd and sshd."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from one_api_infra.lab import cgroup, process
from one_api_infra.lab.errors import LabError
from one_api_infra.lab.network import Network

BOOT_SECONDS = 30
# NSPAWN_ENVIRONMENT: systemd 256 and newer do not boot on cgroup v1, which some machines have.
# RUN: without a unit systemd-nspawn exits at a reboot, with code 133.
RUN = """
for group in $ONE_API_LAB_CGROUPS; do echo $$ >$group/cgroup.procs; done
while :; do "$@"; [ $? = 133 ] || exit; done
"""
NSPAWN_TRACES = ("unix-export", "propagate")
NSPAWN_ENVIRONMENT = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}


@dataclass(frozen=True)
class Host:
    """``directory`` holds the clone; ``number`` is its place in the network."""

    name: str
    number: int
    network: Network
    directory: Path
    key: Path

    @property
    def root(self) -> Path:
        """The host's root directory as this machine sees it while it is mounted."""
        return self.directory / "root"

    @property
    def address(self) -> str:
        """The IPv4 address."""
        return self.network.address(self.number)

    @property
    def address6(self) -> str:
        """The IPv6 address."""
        return self.network.address6(self.number)

    @property
    def known_hosts(self) -> Path:
        """The host's public ssh key, known before the first connection."""
        return self.directory / "known_hosts"

    @property
    def is_up(self) -> bool:
        """Whether the host runs."""
        return process.running(self.directory, "host") is not None

    def clone(self, layers: Sequence[Path], dns: str) -> None:
        """Make the clone on top of ``layers`` (uppermost first) and give it its identity."""
        for name in ("upper", "work", "root"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "layers.json").write_text(json.dumps([str(path) for path in layers]))
        process.write(self.directory / "number", str(self.number))
        self._mount()
        self._identify(dns)

    def boot(self) -> None:
        """Start it and wait until ssh answers."""
        self._mount()
        command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"]
        command += ["--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe"]
        command += [f"--machine={self.machine}", f"--directory={self.root}"]
        command += [f"--network-bridge={self.network.bridge}"]
        # A host of before may have had the address, with another interface behind it.
        process.run("ip", "neigh", "flush", "dev", self.network.bridge)
        groups = {"ONE_API_LAB_CGROUPS": " ".join(map(str, cgroup.make(self.machine)))}
        script = ["sh", "-c", RUN, "sh", *command]
        process.start(self.directory, "host", script, NSPAWN_ENVIRONMENT | groups)
        process.wait_until(self._answers, BOOT_SECONDS, f"ssh on {self.name} ({self.address})")
        # Remembered too: a systemd-nspawn that somebody kills leaves its container running.
        process.remember(self.directory, "init", process.descendants(self.directory, "host")[-2])

    def stop(self) -> None:
        """Pull the plug, and unmount."""
        process.stop(self.directory, "host")
        process.stop(self.directory, "init")
        process.stop(self.directory, "delay")
        cgroup.remove(self.machine)
        self._drop_interface()
        self._drop_traces()
        if os.path.ismount(self.root):
            process.wait_until(self._unmounted, 10, f"{self.root} to unmount")

    def save(self, target: Path) -> None:
        """Keep a stopped host's own layer as an image's layer for further clones."""
        # cp --archive keeps overlayfs' own marks: whiteouts (device 0/0) and opaque directories.
        process.run("cp", "--archive", self.directory / "upper", target)

    def remove(self) -> None:
        """Stop it and delete every trace."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def ssh(self, command: str, *, check: bool = True, stdin: str | None = None) -> str:
        """Run a shell command on the host as root; its standard output."""
        done = subprocess.run(
            [*self.ssh_command(), command], input=stdin, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise LabError(
                f"{self.name}: {command}: {done.returncode}: {done.stderr or done.stdout}"
            )
        return done.stdout

    def ssh_command(self) -> list[str]:
        """The ssh command that reaches the host."""
        options = ["-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "LogLevel=ERROR"]
        options += ["-o", f"ControlPath={self.directory}/ssh", "-o", "ControlMaster=auto"]
        options += ["-o", "ServerAliveInterval=2", "-o", "ServerAliveCountMax=2"]
        options += ["-o", "ControlPersist=30s", "-o", "StrictHostKeyChecking=yes"]
        return ["ssh", "-i", str(self.key), *options, f"root@{self.address}"]

    def connection(self) -> dict[str, Any]:
        """What pyinfra needs to connect."""
        return {
            "ssh_hostname": self.address,
            "ssh_user": "root",
            "ssh_key": str(self.key),
            "ssh_known_hosts_file": str(self.known_hosts),
        }

    @property
    def machine(self) -> str:
        """systemd-nspawn's name for it; its interface here is ``vb-`` and that, if it fits."""
        return f"{self.network.name}{self.number}"

    @property
    def interface(self) -> str:
        """The host's end of its wire on this machine: down, it is a cut network."""
        return f"vb-{self.machine}"

    @property
    def far_bridge(self) -> str:
        """The bridge that the wire's end is on while the host is far away (``delay.far``)."""
        return f"oaie-{self.network.subnet.network_address.packed[2]}-{self.number}"

    def _mount(self) -> None:
        if os.path.ismount(self.root):
            return
        lower = ":".join(json.loads((self.directory / "layers.json").read_text()))
        options = f"lowerdir={lower},upperdir={self.directory}/upper,workdir={self.directory}/work"
        # Where the clone is in memory and the image on disk, files of both are of one file system.
        options += ",xino=on"
        process.run("mount", "-t", "overlay", "overlay", "-o", options, self.root)

    def _drop_interface(self) -> None:
        """The kernel removes it with the host's namespace, at times only after many seconds."""
        name = self.interface
        subprocess.run(["ip", "link", "del", self.far_bridge], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", name], capture_output=True, check=False)
        path = Path("/sys/class/net") / name
        process.wait_until(lambda: not path.exists(), 30, f"{name} to go")

    def _drop_traces(self) -> None:
        """What a killed systemd-nspawn leaves in /run; 257 does not start while it is there."""
        for folder in NSPAWN_TRACES:
            path = Path("/run/systemd/nspawn") / folder / self.machine
            subprocess.run(["umount", "-l", str(path)], capture_output=True, check=False)
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)

    def _unmounted(self) -> bool:
        subprocess.run(["umount", str(self.root)], capture_output=True, check=False)
        return not os.path.ismount(self.root)

    def _identify(self, dns: str) -> None:
        etc = self.root / "etc"
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {self.name}\n")
        (etc / "machine-id").write_text(f"{secrets.token_hex(16)}\n")
        (etc / "resolv.conf").unlink(missing_ok=True)
        (etc / "resolv.conf").write_text(f"nameserver {dns}\n")
        (etc / "systemd/network/10-host0.network").write_text(self._network_file())
        host_key = etc / "ssh/ssh_host_ed25519_key"
        host_key.unlink(missing_ok=True)
        process.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", host_key)
        public = host_key.with_suffix(".pub").read_text().split()[:2]
        names = f"{self.address},[{self.address}]:2222,{self.address6}"
        self.known_hosts.write_text(f"{names} {' '.join(public)}\n")

    def _network_file(self) -> str:
        router = self.network.service("router")
        return (
            "[Match]\nName=host0\n\n[Network]\n"
            f"Address={self.address}/24\nAddress={self.address6}/64\nGateway={router}\n"
            "IPv6AcceptRA=no\nLinkLocalAddressing=ipv6\nIPv6DuplicateAddressDetection=0\n"
        )

    def _answers(self) -> bool:
        if not self.is_up:
            log = (self.directory / "host.log").read_text(errors="replace")[-2000:]
            raise LabError(f"{self.name} ended while it booted: {log}")
        with socket.socket() as connection:
            connection.settimeout(0.3)
            try:
                connection.connect((self.address, 22))
                return connection.recv(4).startswith(b"SSH")
            except OSError:
                time.sleep(0.02)
                return False
