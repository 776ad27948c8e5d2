"""A ClamAV daemon that knows one virus: EICAR. Speaks INSTREAM over TCP; can be slow, silent, garbled or away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.cases.corpus import EICAR


class PretendClamd:
    def __init__(self) -> None:
        self.scanned: list[int] = []  # bytes of each stream
        self.mood = "well"  # well | garbled | small | hangs_up
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
            seen = bytearray()
            while length := int.from_bytes(await reader.readexactly(4)):
                seen += await reader.readexactly(length)
            self.scanned.append(len(seen))
            if self.mood == "well":
                writer.write(b"stream: Eicar-Test-Signature FOUND\0" if EICAR in seen else b"stream: OK\0")
            elif self.mood == "garbled":
                writer.write(b"PONG\0")
            elif self.mood == "small":
                writer.write(b"INSTREAM size limit exceeded. ERROR\0")
            await writer.drain()
        writer.close()


@asynccontextmanager
async def clamd_at(port: int = 0) -> AsyncIterator[PretendClamd]:
    own = PretendClamd()
    server = await asyncio.start_server(own.answer, "127.0.0.1", port)
    own.url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield own
