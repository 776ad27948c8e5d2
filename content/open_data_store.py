"""Queries of the open data export. It reads beside the residents' queries and writes nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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

    def __init__(self, mongo: Mongo, session: Tx, left: Callable[[], None]) -> None:
        self._items, self._catalogue, self._session = mongo["items"], mongo["catalogue"], session
        self._left = left
        self._live = _live(now())

    async def edition(self) -> Edition:
        state = await self._catalogue.find_one({"_id": "state"}, {"revision": 1}, session=self._session) or {}
        newest = await self._items.find_one({}, {"changed": 1}, sort=[("changed", -1)], session=self._session) or {}
        changed = newest.get("changed", 0)
        last = await self._items.find_one({"changed": changed}, {"synced_at": 1}, sort=[("synced_at", -1)], session=self._session) or {}
        return Edition(state.get("revision", 0), changed, last.get("synced_at"))

    async def batch(self, after: str, region: str | None) -> list[dict[str, Any]]:
        """Live items by code, those after `after` ("" from the start); [] when there are no more."""
        wanted = {"_id": {"$gt": after}, **self._live, **({"item.region.code": region} if region else {})}
        rows = self._items.find(wanted, {"item": 1}, session=self._session).sort("_id", 1).limit(BATCH)
        return [row["item"] for row in await rows.to_list(BATCH)]

    async def close(self) -> None:
        self._left()
        await self._session.end_session()


class OpenData:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._counted: tuple[int, int] | None = None
        self._open = 0

    async def snapshot(self) -> Snapshot:
        """Raises Unavailable while AT_ONCE others are being read: residents' own questions come first."""
        if self._open >= AT_ONCE:
            raise Unavailable("open_data_busy", "正在下载的人较多，请稍后再试", retry_after=60)
        self._open += 1
        try:
            for wait in (0.1, 0.3, 1.0, None):
                session = await self._mongo.snapshot()
                found = Snapshot(self._mongo, session, self._one_left)
                try:
                    await found.edition()
                except PyMongoError as exc:
                    await session.end_session()
                    if wait is None or getattr(exc, "code", None) != _TOO_NEW:
                        raise
                    await asyncio.sleep(wait)
                else:
                    return found
            raise AssertionError("the last round returns or raises")
        except BaseException:
            self._one_left()
            raise

    def _one_left(self) -> None:
        self._open -= 1

    async def count(self, revision: int) -> int:
        """Live items. Counting looks at every one, so it is done once per revision of the catalogue."""
        if self._counted is None or self._counted[0] != revision:
            self._counted = revision, int(await self._mongo["items"].count_documents(_live(now())))
        return self._counted[1]
