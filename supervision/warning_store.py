"""Every query of warnings: each case, clock and level once, and who has seen it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kit.clock import now
from kit.mongo import AFTER, ASCENDING, IndexModel, Mongo, UpdateOne, written
from supervision.due import Level
from supervision.facts import Row
from supervision.places import Places

INDEXES = {
    "supervision_warnings": [
        IndexModel([("level", ASCENDING), ("at", ASCENDING), ("_id", ASCENDING)], name="oldest_of_a_level"),
        IndexModel([("at", ASCENDING), ("_id", ASCENDING)], name="oldest"),
    ]
}


class Warnings:
    def __init__(self, mongo: Mongo) -> None:
        self._warnings = mongo["supervision_warnings"]

    async def known(self, own: Sequence[str]) -> set[str]:
        return {row["_id"] async for row in self._warnings.find({"_id": {"$in": list(own)}}, {"_id": 1})}

    async def open(self, rows: Sequence[Row]) -> int:
        """Those that were not there; returns how many."""
        return await written(
            self._warnings,
            [UpdateOne({"_id": row["_id"]}, {"$setOnInsert": {key: row[key] for key in row if key != "_id"}}, upsert=True) for row in rows],
        )

    async def listed(self, places: Places, level: Level | None, last: tuple[datetime, str] | None, limit: int) -> list[Row]:
        """Oldest first, after `last` (at, id)."""
        wanted: dict[str, Any] = {**places.query(), **({"level": level} if level else {})}
        if last is not None:
            wanted["$or"] = [{"at": {"$gt": last[0]}}, {"at": last[0], "_id": {"$gt": last[1]}}]
        return await self._warnings.find(wanted).sort([("at", 1), ("_id", 1)]).limit(limit).to_list(limit)

    async def seen(self, own: str, places: Places, staff_id: str, note: str) -> Row | None:
        """Whoever looks again replaces their own note; None when there is no such warning in these places."""
        mine = {"by": staff_id, "at": now(), "note": note}
        others: dict[str, Any] = {"$filter": {"input": {"$ifNull": ["$seen", []]}, "cond": {"$ne": ["$$this.by", staff_id]}}}
        change = [{"$set": {"seen": {"$slice": [{"$concatArrays": [others, [{"$literal": mine}]]}, -50]}}}]
        found: Row | None = await self._warnings.find_one_and_update({"_id": own, **places.query()}, change, return_document=AFTER)
        return found
