"""Finished POST requests over raw keep-alive sockets, so that the client costs little beside the server: one after another, or each at its time."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

_STATUS, _LENGTH = re.compile(rb"HTTP/1\.1 (\d{3})"), re.compile(rb"(?i)content-length: *(\d+)")
LOST = 0  # in the place of a status: no answer came
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Sent:
    """`seconds` from the first request to the last answer; connections were open before."""

    seconds: float
    statuses: Counter[int]


@dataclass(frozen=True, slots=True)
class Ack:
    """`seconds` from the time a request was due, whether or not the client was late with it."""

    status: int
    seconds: float


async def in_turn(base: str, requests: Sequence[bytes], *, connections: int) -> Sent:
    """Closed model: each connection sends the next request when its last one is answered."""
    opened = [await _connect(base) for _ in range(connections)]
    waiting, statuses = iter(requests), Counter[int]()
    started = time.perf_counter()
    await asyncio.gather(*(_caller(one, waiting, statuses) for one in opened))
    spent = time.perf_counter() - started
    for _, writer in opened:
        writer.close()
    return Sent(spent, statuses)


async def on_time(base: str, requests: Sequence[bytes], *, seconds: float) -> list[Ack]:
    """Open model: spread evenly over `seconds`, each sent at its own time whatever became of the others; as many connections as that takes."""
    idle = list[Connection]()
    start = time.perf_counter() + 0.1
    gap = seconds / len(requests)
    acks = await asyncio.gather(*(_at(base, request, start + n * gap, idle) for n, request in enumerate(requests)))
    for _, writer in idle:
        writer.close()
    return acks


async def _caller(connection: Connection, waiting: Iterator[bytes], statuses: Counter[int]) -> None:
    for request in waiting:
        statuses[await _ask(connection, request)] += 1


async def _at(base: str, request: bytes, due: float, idle: list[Connection]) -> Ack:
    await asyncio.sleep(max(0.0, due - time.perf_counter()))
    status = LOST
    try:
        connection = idle.pop() if idle else await _connect(base)
        status = await asyncio.wait_for(_ask(connection, request), 60)
        idle.append(connection)
    except (OSError, EOFError, TimeoutError):
        pass
    return Ack(status, time.perf_counter() - due)


async def _connect(base: str) -> Connection:
    parts = urlsplit(base)
    return await asyncio.open_connection(parts.hostname or "", parts.port or 80)


async def _ask(connection: Connection, request: bytes) -> int:
    reader, writer = connection
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length, status = _LENGTH.search(head), _STATUS.match(head)
    await reader.readexactly(int(length[1]) if length else 0)
    return int(status[1]) if status else LOST
