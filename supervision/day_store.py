"""Every query of what was counted of items, day by day: drafts begun on that day, followed to where they were when it was counted.

A day is there once it was counted to the end (`item_days`); it is counted again, the older the more rarely, because drafts go on.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from kit.clock import now
from kit.mongo import ASCENDING, DuplicateKeyError, IndexModel, Mongo, UpdateOne, written
from supervision.item_health import Sums, Tally

KEPT = timedelta(days=200)  # twice the longest period that can be asked for
HELD = timedelta(minutes=2)  # longer than counting a day takes
INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "item_days": [IndexModel([("begun_at", ASCENDING)], expireAfterSeconds=int(KEPT.total_seconds()))],
    "item_tallies": [
        IndexModel([("day", ASCENDING), ("code", ASCENDING)], name="of_day"),
        IndexModel([("begun_at", ASCENDING)], expireAfterSeconds=int(KEPT.total_seconds())),
    ],
}
_STEPS, _BEFORE = len(Sums().total), len(Sums().under_way)
_TOTAL, _UNDER_WAY = tuple(f"t{n}" for n in range(_STEPS)), tuple(f"u{n}" for n in range(_BEFORE))
_NUMBERS = (*_TOTAL, *_UNDER_WAY, "reads", "attempts", "errors")
MOST = 20  # periods of which the sums are kept in the process
Row = dict[str, Any]
BothSums = tuple[dict[str, Sums], dict[str, Sums]]


class ItemDays:
    def __init__(self, mongo: Mongo) -> None:
        self._days = mongo["item_days"]
        self._tallies = mongo["item_tallies"]
        self._kept: dict[date, tuple[Mapping[date, datetime], BothSums]] = {}

    async def counted(self, days: Iterable[date]) -> dict[date, datetime]:
        """Days that are there, and when each was counted."""
        found = self._days.find({"_id": {"$in": [one.isoformat() for one in days]}, "counted_at": {"$type": "date"}})
        return {date.fromisoformat(row["_id"]): row["counted_at"] async for row in found}

    async def hold(self, day: date, begun_at: datetime) -> bool:
        """Ours to count for HELD; False: another does. Whoever dies with it loses nothing but that time."""
        free = {"_id": day.isoformat(), "held_until": {"$lte": now()}}
        try:
            update = {"$set": {"held_until": now() + HELD, "begun_at": begun_at}}
            await self._days.find_one_and_update(free, update, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    async def put(self, day: date, begun_at: datetime, tallies: Mapping[str, Tally], at: datetime) -> None:
        """The day as it stood `at`; rows of a newer count stay. It counts from the last write on; killed before, it is counted again."""
        own, older = day.isoformat(), {"counted_at": {"$not": {"$gt": at}}}
        rows = [{"day": own, "code": code, "begun_at": begun_at, "counted_at": at, **_to_row(tally)} for code, tally in tallies.items()]
        await written(self._tallies, [UpdateOne({"_id": f"{own}:{row['code']}", **older}, {"$set": row}, upsert=True) for row in rows])
        await self._tallies.delete_many({"day": own, "code": {"$nin": list(tallies)}, "counted_at": {"$lt": at}})  # whose drafts are all gone
        change = {"$max": {"counted_at": at}, "$set": {"begun_at": begun_at, "held_until": at}}
        await self._days.update_one({"_id": own}, change, upsert=True)

    async def all_sums(self, there: Mapping[date, datetime], middle: date) -> BothSums:
        """As `sums` of every item, over the days that are `there`: added up again once one of them has been counted again."""
        kept = self._kept.get(middle)
        if kept is None or kept[0] != there:
            if len(self._kept) >= MOST:
                self._kept.clear()
            kept = self._kept[middle] = there, await self.sums(there, middle)
        return kept[1]

    async def sums(self, days: Collection[date], middle: date, code: str | None = None) -> BothSums:
        """(from `middle` on, before it) of each item, over those days. Added up by the database, a fifth of a second for 30,000 rows."""
        group = {"_id": {"code": "$code", "late": {"$gte": ["$day", middle.isoformat()]}}, **{one: {"$sum": f"$n.{one}"} for one in _NUMBERS}}
        late, early = dict[str, Sums](), dict[str, Sums]()
        async for row in self._tallies.aggregate([{"$match": _of(days, code)}, {"$group": group}], hint="of_day"):
            (late if row["_id"]["late"] else early)[row["_id"]["code"]] = _sums(row)
        return late, early

    async def every(self, days: Collection[date], codes: Sequence[str]) -> dict[str, Tally]:
        """Seconds and counts of these items, over those days."""
        told: dict[str, Tally] = {}
        wanted = _of(days, codes[0] if len(codes) == 1 else None) | ({"code": {"$in": list(codes)}} if len(codes) > 1 else {})
        async for row in self._tallies.find(wanted, {"code": 1, "seconds": 1, "counts": 1}).hint("of_day").batch_size(1000):
            told.setdefault(row["code"], Tally()).more(row["seconds"], row["counts"])
        return told


def _of(days: Collection[date], code: str | None) -> Row:
    return {"day": {"$in": [one.isoformat() for one in days]}} | ({} if code is None else {"code": code})


def _to_row(tally: Tally) -> Row:
    sums = tally.sums()
    numbers = (*sums.total, *sums.under_way, sums.reads, sums.attempts, sums.errors)
    counts = {act: dict(outcomes) for act, outcomes in tally.counts.items()}
    return {"n": dict(zip(_NUMBERS, numbers, strict=True)), "seconds": tally.seconds, "counts": counts}


def _sums(row: Mapping[str, Any]) -> Sums:
    total, under_way = (tuple(int(row[one]) for one in names) for names in (_TOTAL, _UNDER_WAY))
    return Sums(total, under_way, int(row["reads"]), int(row["attempts"]), int(row["errors"]))
