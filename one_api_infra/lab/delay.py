"""A host far away: every frame to and from it takes half the round trip longer; or a slow link.

In user space, between two bridges, since not every kernel has netem. The relay runs as
``python -m one_api_infra.lab.delay NEAR FAR SECONDS`` and makes both taps; they go with it.
"""

import contextlib
import fcntl
import os
import select
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from one_api_infra.lab import process
from one_api_infra.lab.host import Host

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
FRAME = 65536
NAME = "delay"


@contextlib.contextmanager
def far(host: Host, round_trip: float) -> Iterator[None]:
    """Let a host be ``round_trip`` seconds away; 0 leaves it where it is."""
    if not round_trip:
        yield
        return
    bridge, near, wire, end = _names(host)
    command = [sys.executable, "-m", "one_api_infra.lab.delay", near, wire, str(round_trip / 2)]
    process.start(host.directory, NAME, command)
    try:
        process.wait_until(lambda: all(map(_exists, (near, wire))), 10, "the taps")
        process.run("ip", "link", "add", end, "type", "bridge")
        for link, master in ((near, bridge), (wire, end), (host.interface, end)):
            process.run("ip", "link", "set", link, "master", master)
        for link in (near, wire, end):
            process.run("ip", "link", "set", link, "up")
        yield
    finally:
        remove(host)


@contextlib.contextmanager
def slow(host: Host, megabytes: float) -> Iterator[None]:
    """Let no more than so many MB a second reach a host, from wherever."""
    rate = f"{megabytes * 8:g}mbit"
    shape = ("root", "tbf", "rate", rate, "burst", "64k", "latency", "200ms")
    process.run("tc", "qdisc", "replace", "dev", host.interface, *shape)
    try:
        yield
    finally:
        process.run("tc", "qdisc", "del", "dev", host.interface, "root")


def remove(host: Host) -> None:
    """Bring a host back; nothing happens if it is not far."""
    process.stop(host.directory, NAME)
    bridge, _near, _wire, end = _names(host)
    if _exists(end):
        if _exists(host.interface):
            process.run("ip", "link", "set", host.interface, "master", bridge)
        process.run("ip", "link", "del", end)


def _names(host: Host) -> tuple[str, str, str, str]:
    """The lab's bridge, the tap on it, the tap on the far bridge, and that bridge."""
    number = f"{host.network.subnet.network_address.packed[2]}-{host.number}"
    return host.network.bridge, f"oain-{number}", f"oaif-{number}", host.far_bridge


def _exists(name: str) -> bool:
    return Path(f"/sys/class/net/{name}").exists()


def tap(name: str) -> int:
    """A new tap; it lives as long as its file is open."""
    opened = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(opened, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return opened


def relay(ends: tuple[int, int], seconds: float) -> None:
    """Hand frames from each end to the other, each ``seconds`` after it came; for ever."""
    other = dict(zip(ends, reversed(ends), strict=True))
    waiting: deque[tuple[float, int, bytes]] = deque()
    while True:
        pause = max(waiting[0][0] - time.monotonic(), 0) if waiting else None
        for end in select.select(ends, (), (), pause)[0]:
            while frame := _read(end):
                waiting.append((time.monotonic() + seconds, other[end], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _due, end, frame = waiting.popleft()
            with contextlib.suppress(OSError):  # a wire loses what it cannot take
                os.write(end, frame)


def _read(end: int) -> bytes:
    try:
        return os.read(end, FRAME)
    except OSError:
        return b""


if __name__ == "__main__":
    relay((tap(sys.argv[1]), tap(sys.argv[2])), float(sys.argv[3]))
