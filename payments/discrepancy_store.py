"""Every query of the queue of discrepancies. Ids say what is wrong with what, so finding it again makes no second row."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from kit.clock import now
from kit.mongo import AFTER, ASCENDING, DESCENDING, IndexModel, Mongo, UpdateOne, written

INDEXES = {
    "discrepancies": [
        IndexModel([("day", ASCENDING), ("gateway", ASCENDING), ("state", ASCENDING)], name="of_a_day"),
        IndexModel([("state", ASCENDING), ("found_at", DESCENDING)], name="by_state"),
        IndexModel([("owner", ASCENDING), ("state", ASCENDING)], name="by_owner"),
        IndexModel([("subject", ASCENDING)], name="of_a_subject"),
    ]
}
_BATCH = 500
_LAST = 100  # steps of history that are kept


class Discrepancies:
    """States: open, healed, explained, closed. Only a human closes, and what a human closed stays closed."""

    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo["discrepancies"]

    async def found(self, rows: Sequence[Mapping[str, Any]], run: str) -> None:
        """Rows with `_id` and `state` (open, healed, explained). Owner, note and history of a known one are kept."""
        for first in range(0, len(rows), _BATCH):
            at = now()
            await written(self._rows, [_found(row, run, at + timedelta(milliseconds=n)) for n, row in enumerate(rows[first : first + _BATCH], first)])

    async def vanished(self, day: str, gateways: Sequence[str], started_at: datetime, run: str) -> int:
        """What this run did not find any more is healed, by itself or by somebody. How many."""
        gone = {"day": day, "gateway": {"$in": list(gateways)}, "state": "open", "seen_at": {"$lt": started_at}}
        step = {"at": now(), "by": run, "what": "healed", "why": "vanished"}
        change = {"$set": {"state": "healed", "why": "vanished"}, "$push": {"history": {"$each": [step], "$slice": -_LAST}}}
        return (await self._rows.update_many(gone, change)).modified_count

    async def told_subjects(self, day: str, subjects: Collection[str], but: str) -> set[str]:
        """Those of these subjects that stand under another gateway than `but`: open, or closed by a human."""
        wanted = {"day": day, "subject": {"$in": list(subjects)}, "state": {"$in": ["open", "closed"]}, "gateway": {"$ne": but}}
        return {row["subject"] async for row in self._rows.find(wanted, ["subject"])}

    async def listed_before(self, day: str, gateway: str, subjects: Sequence[str]) -> dict[str, dict[str, Any]]:
        """subject -> the row that an earlier day's run wrote because its statement had what our ledger had not."""
        wanted = {"subject": {"$in": list(subjects)}, "kind": "only_at_gateway", "gateway": gateway, "day": {"$lt": day}}
        return {row["subject"]: row async for row in self._rows.find(wanted, ["subject", "day", "amounts"])}

    async def counts(self, day: str, gateways: Sequence[str]) -> dict[str, dict[str, int]]:
        """kind -> state -> how many."""
        steps: list[dict[str, Any]] = [
            {"$match": {"day": day, "gateway": {"$in": list(gateways)}}},
            {"$group": {"_id": {"kind": "$kind", "state": "$state"}, "n": {"$sum": 1}}},
        ]
        counted: dict[str, dict[str, int]] = {}
        async for row in self._rows.aggregate(steps):
            counted.setdefault(row["_id"]["kind"], {})[row["_id"]["state"]] = row["n"]
        return counted

    def of_day(self, day: str, gateways: Sequence[str]) -> AsyncIterator[dict[str, Any]]:
        """Every row of the day, streamed in the order of ids."""
        cursor: AsyncIterator[dict[str, Any]] = self._rows.find({"day": day, "gateway": {"$in": list(gateways)}}).sort("_id", 1)
        return cursor

    async def open_count(self) -> int:
        return int(await self._rows.count_documents({"state": "open"}))

    async def open_days(self, since: str) -> list[tuple[str, str]]:
        """(day, gateway) with open rows, oldest first: days worth another run."""
        steps: list[dict[str, Any]] = [
            {"$match": {"state": "open", "day": {"$gte": since}}},
            {"$group": {"_id": {"day": "$day", "gateway": "$gateway"}}},
            {"$sort": {"_id.day": 1, "_id.gateway": 1}},
        ]
        return [(row["_id"]["day"], row["_id"]["gateway"]) async for row in self._rows.aggregate(steps)]

    async def one(self, own: str) -> dict[str, Any] | None:
        return await self._rows.find_one({"_id": own})

    async def listed(self, wanted: Mapping[str, str], before_at: datetime | None, limit: int) -> list[dict[str, Any]]:
        """`wanted`: any of state, day, gateway, kind, owner. Newest first."""
        query: dict[str, Any] = {name: value for name, value in wanted.items() if name in ("state", "day", "gateway", "kind", "owner")}
        if before_at is not None:
            query["found_at"] = {"$lt": before_at}
        return [row async for row in self._rows.find(query).sort([("found_at", -1), ("_id", 1)]).limit(limit)]

    async def change(self, seen: Mapping[str, Any], facts: Mapping[str, Any], step: Mapping[str, Any]) -> dict[str, Any] | None:
        """Compare-and-set: the row after it, or None when it was not as `seen`."""
        change = {"$set": dict(facts), "$push": {"history": {"$each": [{"at": now(), **step}], "$slice": -_LAST}}}
        return cast("dict[str, Any] | None", await self._rows.find_one_and_update(dict(seen), change, return_document=AFTER))


def _found(row: Mapping[str, Any], run: str, at: datetime) -> UpdateOne:
    """One write that knows both cases. Amounts and evidence are today's; the history tells when the state changed and why.

    `at` differs by a millisecond from row to row: lists are read page by page, by when a row was found.
    """
    facts = {name: {"$literal": value} for name, value in row.items() if name not in ("_id", "state")}
    state = {"$cond": [{"$eq": ["$state", "closed"]}, "closed", {"$literal": row["state"]}]}
    step = {"at": at, "by": run, "what": row["state"], "why": row["why"]}
    quiet = {"$or": [{"$eq": ["$state", "closed"]}, {"$and": [{"$eq": ["$state", row["state"]]}, {"$eq": ["$why", {"$literal": row["why"]}]}]}]}
    known = {"$ifNull": ["$history", []]}
    kept = {
        "state": state,
        "owner": {"$ifNull": ["$owner", None]},
        "note": {"$ifNull": ["$note", ""]},
        "found_at": {"$ifNull": ["$found_at", at]},
        "runs": {"$add": [{"$ifNull": ["$runs", 0]}, {"$cond": [{"$eq": ["$run", {"$literal": run}]}, 0, 1]}]},
        "history": {"$cond": [quiet, known, {"$slice": [{"$concatArrays": [known, [{"$literal": step}]]}, -_LAST]}]},
    }
    return UpdateOne({"_id": row["_id"]}, [{"$set": {**facts, **kept, "seen_at": at, "run": {"$literal": run}}}], upsert=True)
