"""ClamAV's daemon by its INSTREAM command (clamd(8)): the bytes are sent piece by piece, one line comes back. Nothing is logged of them."""

import asyncio
from contextlib import aclosing
from urllib.parse import urlsplit

from kit.errors import NotReached, Unknown
from kit.pieces import Pieces

PARTY = "clamd"
CONNECT_SECONDS, SCAN_SECONDS = 3.0, 10.0  # together less than a row's lease (kit.outbox.LEASE)


class Clamd:
    """`url`: tcp://host:port or unix:///path. Raises ValueError for anything else."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if not (parts.scheme == "tcp" and parts.hostname and parts.port) and not (parts.scheme == "unix" and parts.path):
            raise ValueError("neither tcp://host:port nor unix:///path")
        self._where = parts

    async def scan(self, pieces: Pieces) -> str | None:
        """The name of what was found, None when it is clean. Raises NotReached, Unknown: then nothing is known, and nothing may be released."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await self._connect()
        except (OSError, TimeoutError) as exc:
            raise NotReached(PARTY, "no_connection") from exc
        try:
            async with asyncio.timeout(SCAN_SECONDS), aclosing(pieces):
                writer.write(b"zINSTREAM\0")
                async for piece in pieces:
                    writer.write(len(piece).to_bytes(4) + piece)
                    await writer.drain()
                writer.write(bytes(4))
                await writer.drain()
                return _verdict(await reader.readuntil(b"\0"))
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as exc:
            raise Unknown(PARTY, "timeout" if isinstance(exc, TimeoutError) else "connection_lost") from exc
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._where.scheme == "unix":
            return await asyncio.open_unix_connection(self._where.path)
        return await asyncio.open_connection(self._where.hostname, self._where.port)


def _verdict(line: bytes) -> str | None:
    """`stream: OK`, `stream: NAME FOUND`, or a complaint such as `INSTREAM size limit exceeded. ERROR`."""
    told = line.rstrip(b"\0\n").decode(errors="replace")
    if told == "stream: OK":
        return None
    if told.startswith("stream: ") and told.endswith(" FOUND"):
        return told.removeprefix("stream: ").removesuffix(" FOUND")[:100]
    raise Unknown(PARTY, "size_limit" if "size limit" in told else "garbled_reply")
