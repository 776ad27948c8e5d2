"""A small closed-loop load: keep-alive HTTP/1.1 GETs over raw sockets, so that the client costs little beside the server."""

import asyncio
import re
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


@dataclass(frozen=True, slots=True)
class Load:
    """Requests answered with 200 per second, and how many were answered with anything else."""

    per_second: float
    wrong: int


async def get(base: str, paths: list[str], *, seconds: float, connections: int = 32) -> Load:
    """Ask for `paths` in turn from `connections` sockets during `seconds`."""
    parts = urlsplit(base)
    counts = {"right": 0, "wrong": 0}
    started = time.perf_counter()
    callers = [_caller(parts.hostname or "", parts.port or 80, paths[n:] + paths[:n], started + seconds, counts) for n in range(connections)]
    await asyncio.gather(*callers)
    return Load(counts["right"] / (time.perf_counter() - started), counts["wrong"])


async def _caller(host: str, port: int, paths: list[str], end: float, counts: dict[str, int]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    requests = [f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n".encode() for path in paths]
    turn = 0
    try:
        while time.perf_counter() < end:
            writer.write(requests[turn % len(requests)])
            turn += 1
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
            counts["right" if head.startswith(b"HTTP/1.1 200") else "wrong"] += 1
    finally:
        writer.close()
