"""What a backup costs the site: ``python -m benchmarks.backup_load`` (root; a quarter of an hour).

A database of some GB, requests at a steady pace through nginx; the same pace with a backup running.
Then the rows of a week are written one by one while the stream runs, and its processor time and
memory are read from systemd. ``ONE_API_BINARY`` names a real One Hub; else the stand-in, and that
is said.
"""

import argparse
import asyncio
import os
import ssl
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.rebuild import RANDOM, ROWS, fill, sold
from one_api_infra.lab.lab import Lab
from tests.lab import backups
from tests.lab.conftest import new_site
from tests.lab.sites import DATABASE, LabSite

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
CONNECTIONS = 32
ROW_BYTES = 1000
UNITS = ("one-api-dump", "one-api-backup", "one-api-stream", "one-api-stream-store")
WEEK = """
import sqlite3, sys, time
db, pause = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None), float(sys.argv[3])
for number in range(int(sys.argv[2])):
    db.execute("INSERT INTO logs (user_id, created_at, type, content, username, quota)"
               " VALUES (2, unixepoch(), 2, hex(randomblob(100)), 'week', 17)")
    time.sleep(pause)
"""


@dataclass
class Pace:
    """Requests at a steady pace until something is over, each due at its time."""

    site: LabSite
    key: str  # a customer's
    rate: float  # a second
    is_over: Callable[[], bool]
    began: float = field(default_factory=time.monotonic)
    delays: list[float] = field(default_factory=list)  # seconds from when each was due
    failed: int = 0

    async def run(self) -> None:
        """All clients, to the end."""
        await asyncio.gather(*map(self._client, range(CONNECTIONS)))

    async def _client(self, number: int) -> None:
        due = self.began + number / self.rate
        way: Streams | None = None
        while not self.is_over():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            try:
                way = way or await self._connected()
                if not await self._asked(*way):
                    way = None
            except (OSError, asyncio.IncompleteReadError):
                self.failed, way = self.failed + 1, None
            self.delays.append(time.monotonic() - due)
            due += CONNECTIONS / self.rate

    async def _connected(self) -> Streams:
        context = ssl.create_default_context(cafile=str(self.site.lab.ca.issuer))
        return await asyncio.open_connection(
            self.site.host.address, 443, ssl=context, server_hostname=self.site.domain
        )

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Ask once; whether the connection may be used again."""
        head = f"Host: {self.site.domain}\r\nAuthorization: Bearer sk-{self.key}\r\n"
        writer.write(f"GET /v1/models HTTP/1.1\r\n{head}\r\n".encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        self.failed += b" 200 " not in answer.split(b"\r\n")[0]
        await _body(reader, answer)
        return b"connection: close" not in answer

    def tell(self, name: str) -> None:
        """One line."""
        delays = sorted(self.delays)
        share = len(delays) / (time.monotonic() - self.began)
        middle, late = statistics.median(delays), delays[int(len(delays) * 0.99)]
        print(f"{name:28} {share:7.1f} answered/s, median {middle * 1e3:6.2f} ms,"
              f" p99 {late * 1e3:7.1f} ms, failed {self.failed}", flush=True)  # fmt: skip


async def _body(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"content-length: " in head:
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        return
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
    await reader.readline()


def paced(pace: Pace, name: str) -> None:
    """Ask at a pace until something is over, and tell what became of it."""
    asyncio.run(pace.run())
    pace.tell(name)


def used(site: LabSite) -> None:
    """What the units of the backup have used since they started last, as far as it is told."""
    for unit in UNITS:
        peak = f"/proc/$(systemctl show {unit} -P MainPID)/status"
        script = f"systemctl show {unit} -P CPUUsageNSec; awk '/VmHWM/ {{print $2}}' {peak}"
        cpu, *memory = site.host.ssh(script, check=False).splitlines()
        seconds = f"{int(cpu) / 1e9:7.1f} s of processor" if cpu.isdigit() else "?"
        print(f"{unit:28} {seconds}", *(f"{int(each) / 2**10:.0f} MiB" for each in memory))


def measure(lab: Lab, folder: Path, gigabytes: float, rate: float, week: int) -> None:
    """Set up, fill, and compare."""
    site = new_site(lab, "shop", "debian-13", "shop.lab.test")
    keeper = backups.Elsewhere(lab.create("keeper", "debian-12"), backups.key(folder))
    site.converge()
    ROWS["logs"]["content"] = RANDOM.format(half=ROW_BYTES // 2)
    fill(site, {"users": 200, "orders": 1000, "logs": int(gigabytes * 2**30 / ROW_BYTES)})
    print(f"database: {int(site.host.ssh(f'stat -c %s {DATABASE}')) / 2**30:.2f} GiB")
    began = time.monotonic()
    keeper.keep(site)
    print(f"set-up of the backup, and the first one: {time.monotonic() - began:.0f} s")
    key = sold(site)
    for _round in range(2):
        end = time.monotonic() + 60
        paced(Pace(site, key, rate, lambda end=end: time.monotonic() > end), "nothing else")  # type: ignore[misc]
        site.host.ssh(f"python3 - {DATABASE} 20000 0", stdin=WEEK)
        run = threading.Thread(target=backups.back_up, args=(site,))
        run.start()
        paced(Pace(site, key, rate, lambda run=run: not run.is_alive()), "during a backup")  # type: ignore[misc]
        used(site)
    began = time.monotonic()
    site.host.ssh("systemctl restart one-api-stream one-api-stream-store")
    site.host.ssh(f"python3 - {DATABASE} {week} 0.001", stdin=WEEK)
    print(f"a week's {week} rows, one by one, in {time.monotonic() - began:.0f} s:")
    used(site)


def main() -> None:
    """One site."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--rate", type=float, default=500, help="requests a second")
    parser.add_argument("--week", type=int, default=100_000, help="rows of a week's traffic")
    options = parser.parse_args()
    print(f"One API: {os.environ.get('ONE_API_BINARY') or 'the stand-in, not a real one'}")
    lab = Lab("load")
    lab.down()
    lab.up(owner=os.getpid())
    try:
        with tempfile.TemporaryDirectory() as folder:
            measure(lab, Path(folder), options.gigabytes, options.rate, options.week)
    finally:
        lab.down()


if __name__ == "__main__":
    main()
