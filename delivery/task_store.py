"""What a person at the window has to see to, each thing once: every query of it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from delivery.parcels import Place, Task, TaskKind
from kit.clock import now
from kit.mongo import AFTER, ASCENDING, IndexModel, Mongo, Tx

INDEXES = {
    "parcel_tasks": [
        IndexModel([("state", ASCENDING), ("opened_at", ASCENDING), ("_id", ASCENDING)], name="oldest_of_a_state"),
        IndexModel([("parcel_id", ASCENDING)], name="of_parcel"),
        IndexModel([("opened_at", ASCENDING)], name="by_age"),
    ]
}


class ParcelTasks:
    def __init__(self, mongo: Mongo) -> None:
        self._tasks = mongo["parcel_tasks"]

    async def open(self, tx: Tx, own: str, kind: TaskKind, parcel: tuple[str, str, Place]) -> None:
        """`parcel`: id, case number, whose window it is. `own` names the occasion: the second time changes nothing."""
        parcel_id, case_no, place = parcel
        row = {"kind": kind, "parcel_id": parcel_id, "case_no": case_no, "place": asdict(place), "state": "open", "opened_at": now()}
        await self._tasks.update_one({"_id": own}, {"$setOnInsert": row}, upsert=True, session=tx)

    async def task(self, own: str) -> Task | None:
        row = await self._tasks.find_one({"_id": own})
        return None if row is None else _task(row)

    async def of_parcel(self, parcel_id: str) -> list[Task]:
        return [_task(row) async for row in self._tasks.find({"parcel_id": parcel_id}).sort("opened_at", ASCENDING)]

    async def listed(self, states: Sequence[str], last: tuple[datetime, str] | None, limit: int) -> list[Task]:
        """The oldest first, after `last` (opened_at, id). Whose window it is, the caller looks at (Task.place)."""
        wanted: dict[str, Any] = {"state": {"$in": list(states)}}
        if last is not None:
            wanted["$or"] = [{"opened_at": {"$gt": last[0]}}, {"opened_at": last[0], "_id": {"$gt": last[1]}}]
        return [_task(row) async for row in self._tasks.find(wanted).sort([("opened_at", 1), ("_id", 1)]).limit(limit)]

    async def tally(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """{department, kind, count} of what went wrong from `since` until just before `until`."""
        group = {"_id": {"department": "$place.department", "kind": "$kind"}, "count": {"$sum": 1}}
        found = self._tasks.aggregate([{"$match": {"opened_at": {"$gte": since, "$lt": until}}}, {"$group": group}])
        rows = [{"department": row["_id"].get("department"), "kind": row["_id"]["kind"], "count": row["count"]} async for row in found]
        return sorted(rows, key=lambda row: (row["department"] or "", row["kind"]))

    async def take(self, own: str, staff_id: str) -> Task | None:
        """None when somebody else has it or it is closed; whoever has it may take it again."""
        free = {"_id": own, "$or": [{"state": "open"}, {"state": "taken", "taken_by": staff_id}]}
        row = await self._tasks.find_one_and_update(free, {"$set": {"state": "taken", "taken_by": staff_id}}, return_document=AFTER)
        return None if row is None else _task(row)

    async def close(self, own: str, staff_id: str, note: str) -> Task | None:
        """By whoever took it. None when that is somebody else, or it is closed."""
        mine = {"_id": own, "state": "taken", "taken_by": staff_id}
        change = {"$set": {"state": "closed", "closed_at": now(), "note": note}}
        row = await self._tasks.find_one_and_update(mine, change, return_document=AFTER)
        return None if row is None else _task(row)


def _task(row: dict[str, Any]) -> Task:
    facts = {name: row[name] for name in ("taken_by", "closed_at", "note") if name in row}
    kept = {name: row[name] for name in ("kind", "parcel_id", "case_no", "state", "opened_at")}
    return Task(id=row["_id"], place=Place(**row["place"]), **kept, **facts)
