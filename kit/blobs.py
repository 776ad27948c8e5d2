"""Where files lie: bytes under a name, written and read piece by piece, there whole or not at all. Nothing here knows what is in them.

GridBlobs keeps them in Mongo in GridFS's layout (any GridFS tool reads them). It is written here because the driver's own writer gathers up
to 48 MB before it sends anything and its reader asks for 16 MB at a time: twenty files at once would be held whole.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

from kit.clock import now
from kit.mongo import ASCENDING, IndexModel, Mongo
from kit.pieces import Pieces, cut
from kit.sealed_chunks import SEALED

BUCKET = "blobs"
INDEXES = {
    f"{BUCKET}.files": [IndexModel([("filename", ASCENDING), ("uploadDate", ASCENDING)])],
    f"{BUCKET}.chunks": [IndexModel([("files_id", ASCENDING), ("n", ASCENDING)], unique=True)],
}
_TOGETHER = 2  # chunks in one write or read: 512 KiB
_AT_ONCE = 2  # puts in this process: one waits for its journal while the next is sealed; each more would hold 3 MB and gain nothing


class BlobMissing(Exception):
    """Nothing whole lies under this name."""


class Blobs(Protocol):
    """A name is used once. Failures are the store's own: PyMongoError here, kit.errors.Outside elsewhere."""

    async def put(self, name: str, pieces: Pieces) -> None:
        """Visible when this returns, not before. What a broken-off put leaves behind is taken away by `delete`."""
        ...

    def read(self, name: str) -> Pieces:
        """Raises BlobMissing at the first piece."""
        ...

    async def delete(self, name: str) -> None:
        """Whether whole, half or gone already."""
        ...


class GridBlobs:
    """One chunk document for each sealed chunk; the document in `.files`, written last, is what makes a file be there."""

    def __init__(self, mongo: Mongo) -> None:
        self._files, self._chunks = mongo[f"{BUCKET}.files"], mongo[f"{BUCKET}.chunks"]
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def put(self, name: str, pieces: Pieces) -> None:
        waiting: list[dict[str, Any]] = []
        number = length = 0
        async with self._turns, aclosing(cut(pieces, SEALED)) as chunks:
            async for chunk, last in chunks:
                waiting.append({"files_id": name, "n": number, "data": chunk})
                number, length = number + 1, length + len(chunk)
                if last or len(waiting) == _TOGETHER:
                    await self._chunks.insert_many(waiting)
                    waiting = []
        await self._files.insert_one({"_id": name, "length": length, "chunkSize": SEALED, "uploadDate": now(), "filename": name})

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        if await self._files.find_one({"_id": name}, {"_id": 1}) is None:
            raise BlobMissing(name)
        async for row in self._chunks.find({"files_id": name}).sort("n", ASCENDING).batch_size(_TOGETHER):
            yield bytes(row["data"])

    async def delete(self, name: str) -> None:
        await self._files.delete_one({"_id": name})
        await self._chunks.delete_many({"files_id": name})


class MovedBlobs:
    """A store that took over from another: what lies in the earlier one stays there and is found, nothing new goes in."""

    def __init__(self, now_in: Blobs, before_in: Blobs) -> None:
        self._now, self._before = now_in, before_in

    async def put(self, name: str, pieces: Pieces) -> None:
        await self._now.put(name, pieces)

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(self._now.read(name)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        except BlobMissing:
            pass
        async with aclosing(self._before.read(name)) as pieces:
            async for piece in pieces:
                yield piece

    async def delete(self, name: str) -> None:
        await self._before.delete(name)
        await self._now.delete(name)
