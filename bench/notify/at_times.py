"""Finished requests sent each at its own time, whatever became of the others; when that was, by the world's clock, so that another process's times compare."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Told:
    """`due`: when the request was to be sent, seconds since 1970, `late` by so many seconds; `acked`: seconds from then to the answer. Status 0: none."""

    due: float
    late: float
    acked: float
    status: int


async def send(base: str, requests: Sequence[bytes], rate: float) -> list[Told]:
    """`rate` a second, evenly; as many connections as that takes."""
    idle = list[Connection]()
    start = time.time() + 0.2
    told = await asyncio.gather(*(_one(base, request, start + n / rate, idle) for n, request in enumerate(requests)))
    for _, writer in idle:
        writer.close()
    return told


async def _one(base: str, request: bytes, due: float, idle: list[Connection]) -> Told:
    await asyncio.sleep(max(0.0, due - time.time()))
    late, status = time.time() - due, 0
    try:
        connection = idle.pop() if idle else await _connect(base)
        status = await asyncio.wait_for(_ask(connection, request), 60)
        idle.append(connection)
    except (OSError, EOFError, TimeoutError):
        pass  # told as 0
    return Told(due, late, time.time() - due, status)


async def _connect(base: str) -> Connection:
    parts = urlsplit(base)
    return await asyncio.open_connection(parts.hostname or "", parts.port or 80)


async def _ask(connection: Connection, request: bytes) -> int:
    reader, writer = connection
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    await reader.readexactly(int(length[1]) if length else 0)
    return int(head[9:12])
