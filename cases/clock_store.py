"""Queries of the five days an agency has for its first reply, and of notices that came again. Writes are compare-and-set on the case's revision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cases.deeming import MISSING_MOVE, PERMIT
from kit.mongo import ASCENDING, IndexModel, Mongo

_PERMITS = {"item_kind": PERMIT}
INDEXES = {
    "cases": [
        IndexModel([("first_reply_edition", ASCENDING), ("received_at", ASCENDING)], name="first_reply_edition", partialFilterExpression=_PERMITS),
        IndexModel([("first_reply", ASCENDING), ("first_reply_due_at", ASCENDING)], name="first_reply_due", partialFilterExpression=_PERMITS),
        IndexModel([("notices_again.at", ASCENDING)], name="notices_again", partialFilterExpression={"notices_again.at": {"$exists": True}}),
    ]
}
_ANNOTATION = ("deemed_accepted_at", "deemed_lapsed_at", "deemed_noted_at")
_CLOCK = ("received_at", "first_reply_at", "first_reply", "first_reply_due_at", "gap")
_READ = dict.fromkeys(("case_no", "revision", *_CLOCK, *_ANNOTATION), 1)


@dataclass(frozen=True, slots=True)
class SecondNotices:
    """Notices that told what could have been told the first time."""

    notices: int
    by_item: Mapping[str, int]  # item code -> notices


class CaseClocks:
    def __init__(self, mongo: Mongo) -> None:
        self._cases = mongo["cases"]

    async def without_due(self, edition: str, limit: int) -> list[dict[str, Any]]:
        """Permits the core has received whose days are not counted by this edition of the calendar."""
        wanted = {**_PERMITS, "first_reply_edition": {"$ne": edition}, "received_at": {"$type": "date"}}
        return await self._cases.find(wanted, _READ).hint("first_reply_edition").to_list(limit)

    async def run_out(self, now: datetime, limit: int) -> list[dict[str, Any]]:
        """Permits whose days are over and nobody has written how they ended."""
        over = [{"gap": {"$ne": True}}, {"first_reply_due_at": {"$lt": now - MISSING_MOVE}}]
        wanted = {**_PERMITS, "first_reply": "open", "first_reply_due_at": {"$lt": now}, "$or": over}
        return await self._cases.find(wanted, _READ).hint("first_reply_due").to_list(limit)

    async def write(self, row: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
        """False when the case has moved since `row` was read."""
        seen = {"_id": row["_id"], "revision": row.get("revision")}
        done = await self._cases.update_one(seen, {"$set": dict(change), "$inc": {"revision": 1}})
        return bool(done.modified_count)

    async def second_notices(self, since: datetime | None = None) -> SecondNotices:
        """The figure 一次性告知 is judged by: of cases on record, those issued since then."""
        recent = {"notices_again.at": {"$gte": since} if since else {"$exists": True}}
        steps: list[dict[str, Any]] = [
            {"$match": recent},
            {"$unwind": "$notices_again"},
            {"$match": recent},
            {"$group": {"_id": "$item_code", "notices": {"$sum": 1}}},
        ]
        by_item = {str(row["_id"]): int(row["notices"]) async for row in self._cases.aggregate(steps)}
        return SecondNotices(sum(by_item.values()), by_item)
