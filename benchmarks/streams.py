"""Clients of many streams at once: the delay of each event from its sending to its reading."""

import asyncio
import ssl
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Stream:
    """What one stream saw, in seconds: its first event, and the delay of each."""

    first: float
    delays: tuple[float, ...]


@dataclass(frozen=True)
class Way:
    """One way to the events; ``context`` is None without TLS."""

    address: str
    port: int
    name: str
    context: ssl.SSLContext | None = None


async def _stream(way: Way, count: int, gap: int, start: float) -> Stream:
    await asyncio.sleep(start)
    begun = time.time()
    server = way.name if way.context else None
    reader, writer = await asyncio.open_connection(
        way.address, way.port, ssl=way.context, server_hostname=server
    )
    path = f"/v1/stream?count={count}&gap={gap}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {way.name}\r\nConnection: close\r\n\r\n".encode())
    delays, first = [], 0.0
    while line := await reader.readline():
        now = time.time()
        if line.startswith(b"data: "):
            delays.append(now - float(line.split()[1]))
            first = first or now - begun
    writer.close()
    return Stream(first, tuple(delays))


async def _all(way: Way, streams: int, count: int, gap: int) -> list[Stream]:
    """The streams begin spread over a second and one gap, as people's do."""
    spread = (1 + gap / 1000) / streams
    made = (_stream(way, count, gap, number * spread) for number in range(streams))
    return list(await asyncio.gather(*made))


def run(way: Way, streams: int, count: int, gap: int) -> list[Stream]:
    """``streams`` at once, each of ``count`` events ``gap`` milliseconds apart."""
    return asyncio.run(_all(way, streams, count, gap))
