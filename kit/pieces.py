"""Bytes that come piece by piece, cut anew, so that a file is never held whole."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import BinaryIO

Pieces = AsyncGenerator[bytes, None]


async def cut(pieces: Pieces, size: int) -> AsyncGenerator[tuple[bytes, bool], None]:
    """(chunk, is it the last): every chunk has `size` bytes, the last one 0 to `size`, and there is always a last one. `pieces` is closed."""
    held = bytearray()
    async with aclosing(pieces):
        async for piece in pieces:
            held += piece
            while len(held) > size:
                yield bytes(held[:size]), False
                del held[:size]
    yield bytes(held), True


async def of_file(file: BinaryIO, size: int = 256 * 1024) -> Pieces:
    """From the file's beginning, read beside the loop. The file stays open."""
    await asyncio.to_thread(file.seek, 0)
    while piece := await asyncio.to_thread(file.read, size):
        yield piece


async def of_bytes(whole: bytes) -> Pieces:
    """What is in memory already, as one piece."""
    yield whole
