"""Mongo through Motor, and the only file that imports it (docs/decisions/0001). Majority, journaled writes; a time-out means unknown."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, IndexModel, ReadPreference, ReturnDocument, UpdateOne
from pymongo.errors import (
    BulkWriteError,
    CollectionInvalid,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

__all__ = [
    "AFTER",
    "ASCENDING",
    "DESCENDING",
    "Collection",
    "DuplicateKeyError",
    "IndexModel",
    "Mongo",
    "PyMongoError",
    "Tx",
    "UpdateOne",
    "connect",
    "insert_all",
    "is_outage",
    "written",
]

Document = dict[str, Any]
Collection = AsyncIOMotorCollection[Document]
Tx = AsyncIOMotorClientSession
T = TypeVar("T")
AFTER = ReturnDocument.AFTER

_DUPLICATE = 11000  # server error code
_WRITES = WriteConcern(w="majority", j=True, wtimeout=5000)


@dataclass(frozen=True, slots=True)
class Mongo:
    """One client, one database. Collections come from here so that nobody can weaken the write concern."""

    client: AsyncIOMotorClient[Document]
    database: AsyncIOMotorDatabase[Document]

    def __getitem__(self, name: str) -> Collection:
        return self.database[name]

    async def transaction(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """All writes in `work` that are given `session=tx` happen together or not at all.

        The driver runs `work` again on a write conflict and the commit again on a lost reply, so `work` only reads and writes; 8 s at most.
        A time-out here means unknown: the caller looks before it repeats.
        """

        async def run(tx: Tx) -> T:
            return await work(tx)

        async with asyncio.timeout(8), await self.client.start_session() as session:
            done: T = await session.with_transaction(run)
            return done

    async def snapshot(self) -> Tx:
        """A session whose reads all see the moment of its first one, for up to 5 minutes (minSnapshotHistoryWindowInSeconds). The caller ends it."""
        return await self.client.start_session(snapshot=True)

    async def ping(self) -> None:
        await self.client.admin.command("ping")

    async def create_indexes(self, wanted: Mapping[str, Sequence[IndexModel]]) -> None:
        """Idempotent; waits until they are built. Collections without any are made too: two transactions must not race to be the first."""
        there = set(await self.database.list_collection_names())
        for name, indexes in wanted.items():
            if indexes:
                await self.database[name].create_indexes(list(indexes))
            elif name not in there:
                with suppress(CollectionInvalid, OperationFailure):  # another process was first
                    await self.database.create_collection(name)

    async def close(self) -> None:
        self.client.close()


def connect(url: str, database: str, *, pool: int = 64) -> Mongo:
    """No traffic yet. Operations fail after 5 s without a primary, 8 s without a reply."""
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
        url,
        tz_aware=True,
        maxPoolSize=pool,
        serverSelectionTimeoutMS=5000,
        connectTimeoutMS=3000,
        socketTimeoutMS=8000,
        waitQueueTimeoutMS=5000,
        retryWrites=True,
        retryReads=True,
        appname="zhangban",
    )
    options: dict[str, Any] = {"write_concern": _WRITES, "read_concern": ReadConcern("majority"), "read_preference": ReadPreference.PRIMARY}
    return Mongo(client, client.get_database(database, **options))


async def insert_all(collection: Collection, rows: Sequence[Document], tx: Tx | None) -> None:
    """Many new documents in one write. Raises DuplicateKeyError where one is there already; outside a transaction some may be written then."""
    try:
        await collection.insert_many(list(rows), session=tx)
    except BulkWriteError as exc:
        errors = (exc.details or {}).get("writeErrors") or []
        if errors and all(error["code"] == _DUPLICATE for error in errors):
            raise DuplicateKeyError("a document is there already", _DUPLICATE) from None  # the driver's text holds the whole document
        raise


async def written(collection: Collection, writes: Sequence[UpdateOne]) -> int:
    """Many upserts at once, in any order. One that finds a newer document and so may not insert its own is no error: it changed nothing."""
    if not writes:
        return 0
    try:
        result: Any = (await collection.bulk_write(list(writes), ordered=False)).bulk_api_result
    except BulkWriteError as exc:
        result = exc.details or {}
        if any(error["code"] != _DUPLICATE for error in result["writeErrors"]) or result.get("writeConcernErrors"):
            raise
    return int(result["nModified"]) + int(result["nUpserted"])


def is_outage(error: PyMongoError) -> bool:
    """True when the database was away or slow, false when the request itself was wrong."""
    if isinstance(error, ConnectionFailure | ExecutionTimeout | WTimeoutError):
        return True
    return isinstance(error, OperationFailure) and error.has_error_label("TransientTransactionError")
