"""In One API's place, on the server: streams of events, each with the time at which it was sent.

Run as ``python3 events.py``. ``GET /v1/stream?count=100&gap=20``: how many, milliseconds apart.
"""

import asyncio
import time
from urllib.parse import parse_qs, urlsplit

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    line = await reader.readline()
    while (await reader.readline()).strip():
        pass
    asked = parse_qs(urlsplit(line.split()[1].decode()).query)
    count, gap = (int(asked.get(name, ["1"])[0]) for name in ("count", "gap"))
    writer.write(HEAD)
    begun = time.time()
    for number in range(count):
        await asyncio.sleep(max(begun + number * gap / 1000 - time.time(), 0))
        writer.write(f"data: {time.time():.6f} {'x' * 180}\n\n".encode())
    await writer.drain()
    writer.close()


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.start_server(answer, "0.0.0.0", 3000, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
