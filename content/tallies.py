"""Counts that help search and its editors: how often a guide was read, which questions found nothing. Never who asked."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from kit.clock import now
from kit.mongo import ASCENDING, DESCENDING, IndexModel, Mongo, UpdateOne, written

_KEPT = timedelta(days=180)
MOST_UNFOUND = 100_000  # distinct questions kept; beyond them only those already known are counted

INDEXES = {
    "item_views": [],
    "unfound_questions": [
        IndexModel([("last_at", ASCENDING)], expireAfterSeconds=int(_KEPT.total_seconds())),
        IndexModel([("times", DESCENDING)]),
    ],
}


class Tallies:
    def __init__(self, mongo: Mongo) -> None:
        self._views = mongo["item_views"]
        self._unfound = mongo["unfound_questions"]

    async def views(self) -> dict[str, int]:
        """How often each item's guide was read."""
        return {row["_id"]: row["times"] async for row in self._views.find({}, {"times": 1})}

    async def add_views(self, times: Mapping[str, int]) -> None:
        await written(self._views, [UpdateOne({"_id": code}, {"$inc": {"times": more}}, upsert=True) for code, more in times.items()])

    async def add_unfound(self, times: Mapping[str, int]) -> None:
        if not times:
            return
        moment, room = now(), await self._unfound.estimated_document_count() + len(times) <= MOST_UNFOUND
        changes = [
            UpdateOne({"_id": question}, {"$inc": {"times": more}, "$set": {"last_at": moment}, "$setOnInsert": {"first_at": moment}}, upsert=room)
            for question, more in times.items()
        ]
        await written(self._unfound, changes)

    async def unfound(self, limit: int) -> list[dict[str, Any]]:
        """{_id: question, times, first_at, last_at}, the most asked first."""
        return [row async for row in self._unfound.find().sort([("times", DESCENDING), ("_id", ASCENDING)]).limit(limit)]
