"""Queries of the open data export. It reads beside the residents' queries and writes nothing."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakSet

from kit.clock import now
from kit.errors import Unavailable
from kit.mongo import Mongo, PyMongoError, Tx

_TOO_NEW = 246  # SnapshotUnavailable: a collection was made a moment ago, and the snapshot is of before
AT_ONCE = 8  # exports a process writes at the same time
BATCH = 50  # items; a few hundred kilobytes


def _live(at: datetime) -> dict[str, Any]:
    """Not taken down, and not ended by that moment; the revision follows an end within seconds."""
    return {"item": {"$ne": None}, "$or": [{"ends_at": None}, {"ends_at": {"$gt": at}}]}


@dataclass(frozen=True, slots=True)
class Edition:
    """Which state of the catalogue this is. `changed`: the revision of its newest change, ahead of `revision` while a page of the feed is being
    applied. `changed_at`: when that was; None while the catalogue is empty."""

    revision: int
    changed: int
    changed_at: datetime | None


class Snapshot:
    """The catalogue as it stood at one moment, read in batches.

    Each batch is a query of its own that the database finishes: between two nothing is open there, so a reader who goes away leaves nothing.
    """

    def __init__(self, mongo: Mongo, session: Tx, edition: Edition) -> None:
        self.edition = edition
        self._items, self._session = mongo["items"], session
        self._live = _live(now())

    async def batch(self, after: str, region: str | None) -> list[dict[str, Any]]:
        """Live items by code, those after `after` ("" from the start); [] when there are no more."""
        wanted = {"_id": {"$gt": after}, **self._live, **({"item.region.code": region} if region else {})}
        rows = self._items.find(wanted, {"item": 1}, session=self._session).sort("_id", 1).limit(BATCH)
        return [row["item"] for row in await rows.to_list(BATCH)]

    @property
    def closed(self) -> bool:
        return bool(self._session.has_ended)

    async def close(self) -> None:
        """Ends the session even when the caller is cancelled meanwhile: a reader's connection may be found lost twice."""
        await asyncio.shield(self._session.end_session())


class OpenData:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._counted: tuple[int, int] | None = None
        self._opening = 0
        self._open: WeakSet[Snapshot] = WeakSet()  # one whose reader left before the first piece is closed by nobody, and counts no more

    async def snapshot(self) -> Snapshot:
        """Raises Unavailable while AT_ONCE others are being read: residents' own questions come first."""
        if self._opening + sum(not one.closed for one in self._open) >= AT_ONCE:
            raise Unavailable("open_data_busy", "正在下载的人较多，请稍后再试", retry_after=60)
        self._opening += 1
        try:
            found = await self._opened()
            self._open.add(found)
            return found
        finally:
            self._opening -= 1

    async def _opened(self) -> Snapshot:
        waits = iter((0.1, 0.3, 1.0))
        while True:
            session = await self._mongo.snapshot()
            try:
                return Snapshot(self._mongo, session, await self._edition(session))
            except BaseException as exc:
                await asyncio.shield(session.end_session())
                wait = next(waits, None) if isinstance(exc, PyMongoError) and getattr(exc, "code", None) == _TOO_NEW else None
                if wait is None:
                    raise
            await asyncio.sleep(wait)

    async def _edition(self, session: Tx) -> Edition:
        items = self._mongo["items"]
        state = await self._mongo["catalogue"].find_one({"_id": "state"}, {"revision": 1}, session=session) or {}
        newest = await items.find_one({}, {"changed": 1}, sort=[("changed", -1)], session=session) or {}
        changed = newest.get("changed", 0)
        last = await items.find_one({"changed": changed}, {"synced_at": 1}, sort=[("synced_at", -1)], session=session) or {}
        return Edition(state.get("revision", 0), changed, last.get("synced_at"))

    async def count(self, revision: int) -> int:
        """Live items. Counting looks at every one, so it is done once per revision of the catalogue."""
        if self._counted is None or self._counted[0] != revision:
            self._counted = revision, int(await self._mongo["items"].count_documents(_live(now())))
        return self._counted[1]
