"""Every query of broadcasts. A broadcast is held by one worker at a time, by lease and by the database's clock; how far it came moves in the
same transaction as the inbox entries of a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from kit.clock import now
from kit.mongo import AFTER, ASCENDING, DESCENDING, IndexModel, Mongo, Tx

CHANNELS = ("wechat", "alipay", "sms")
LEASE = 15  # seconds; longer than a batch's transaction may take
INDEXES = {
    "broadcasts": [
        IndexModel([("state", ASCENDING), ("urgent", DESCENDING), ("approved_at", ASCENDING)], name="due"),
        IndexModel([("made_at", DESCENDING), ("_id", DESCENDING)], name="newest"),
    ],
    "messages": [
        IndexModel(  # holds all that `outcomes` counts, so that it reads no message
            [("broadcast_id", ASCENDING), *((f"channels.{name}.outcome", ASCENDING) for name in CHANNELS)],
            name="of_broadcast",
            partialFilterExpression={"broadcast_id": {"$type": "string"}},
        )
    ],
}
_DUE = ("approved", "running")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """One step of whoever holds a broadcast. `before`, `after`: the last address that was told. `already`: who had been told some other way.
    `gap`: milliseconds until the next batch may go out, whoever sends it."""

    broadcast_id: str
    holder: str
    before: str
    after: str
    told: int
    already: int
    gap: int


class Broadcasts:
    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo["broadcasts"]
        self._messages = mongo["messages"]

    # written by staff

    async def add(self, row: Row) -> None:
        await self._rows.insert_one(row)

    async def broadcast(self, own: str) -> Row | None:
        return await self._rows.find_one({"_id": own})

    async def listed(
        self, states: Sequence[str], places: tuple[Sequence[str] | None, Sequence[str] | None], last: tuple[datetime, str] | None, limit: int
    ) -> list[Row]:
        """Newest first. `places`: departments and regions the reader may see, None: all. `last`: when the last one seen was made, and its id."""
        wanted: Row = {name: {"$in": list(given)} for name, given in zip(("department", "region"), places, strict=True) if given is not None}
        if states:
            wanted["state"] = {"$in": list(states)}
        if last is not None:
            wanted |= {"made_at": {"$lte": last[0]}, "$or": [{"made_at": {"$lt": last[0]}}, {"_id": {"$lt": last[1]}}]}
        found = self._rows.find(wanted).sort([("made_at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [row async for row in found]

    async def change(self, own: str, content: Mapping[str, Any], staff_id: str) -> Row | None:
        """None: not a draft any more."""
        update = {"$set": dict(content), "$inc": {"revision": 1}, "$addToSet": {"makers": staff_id}}
        return await self._move({"_id": own, "state": "draft"}, update)

    async def submit(self, own: str, revision: int, staff_id: str, preview: Mapping[str, Any]) -> Row | None:
        """None: not a draft any more, or not the one that was looked at."""
        facts = {"state": "submitted", "submitted_by": staff_id, "submitted_at": now(), "preview": dict(preview)}
        update = {"$set": facts, "$addToSet": {"makers": staff_id}}
        return await self._move({"_id": own, "state": "draft", "revision": revision}, update)

    async def approve(self, own: str, staff_id: str) -> Row | None:
        """None: not submitted, or by one of its makers."""
        facts = {"state": "approved", "approved_by": staff_id, "approved_at": now(), "held_until": _EARLIEST}
        return await self._move({"_id": own, "state": "submitted", "makers": {"$ne": staff_id}}, {"$set": facts})

    async def move(self, own: str, before: Sequence[str], to: str, facts: Mapping[str, Any]) -> Row | None:
        """To an end. The cursor names somebody and goes. None: it was in none of those states."""
        change = {"$set": {"state": to, "finished_at": now(), "cursor": "", **facts}, "$unset": {"holder": "", "held_until": "", "next_at": ""}}
        return await self._move({"_id": own, "state": {"$in": list(before)}}, change)

    async def _move(self, seen: Row, update: Row) -> Row | None:
        return cast("Row | None", await self._rows.find_one_and_update(seen, update, return_document=AFTER))

    # carried out by workers

    async def take(self, holder: str) -> Row | None:
        """One that is to be told and that nobody holds, urgent ones first, for LEASE seconds; its `wait_ms`: until when its rate lets the next batch out."""
        due = {"state": {"$in": list(_DUE)}, "$expr": {"$lte": ["$held_until", "$$NOW"]}}
        wait = {"$max": [0, {"$dateDiff": {"startDate": "$$NOW", "endDate": {"$ifNull": ["$next_at", "$$NOW"]}, "unit": "millisecond"}}]}
        hold = {"state": "running", "holder": holder, "held_until": _leased(), "started_at": {"$ifNull": ["$started_at", "$$NOW"]}, "wait_ms": wait}
        order = [("urgent", DESCENDING), ("approved_at", ASCENDING)]
        return cast("Row | None", await self._rows.find_one_and_update(due, [{"$set": hold}], sort=order, return_document=AFTER))

    async def advance(self, tx: Tx, batch: Batch) -> bool:
        """The batch counts and the lease is whole again. False: stopped, or somebody else's by now; then nothing may be told."""
        mine = {"_id": batch.broadcast_id, "state": "running", "holder": batch.holder, "cursor": batch.before}
        next_at = {"$dateAdd": {"startDate": {"$max": ["$next_at", "$$NOW"]}, "unit": "millisecond", "amount": batch.gap}}
        counted = {"told": {"$add": ["$told", batch.told]}, "already": {"$add": ["$already", batch.already]}}
        change = {"cursor": {"$literal": batch.after}, "held_until": _leased(), "next_at": next_at, **counted}
        return bool((await self._rows.update_one(mine, [{"$set": change}], session=tx)).matched_count)

    async def finish(self, own: str, holder: str, cursor: str) -> bool:
        """Nobody is left. The cursor names somebody and goes."""
        mine = {"_id": own, "state": "running", "holder": holder, "cursor": cursor}
        change = {
            "$set": {"state": "done", "finished_at": now(), "cursor": ""},
            "$unset": {"holder": "", "held_until": "", "next_at": "", "wait_ms": ""},
        }
        return bool((await self._rows.update_one(mine, change)).modified_count)

    async def release(self, own: str, holder: str) -> None:
        """For whoever comes next, at once. What is stopped, done or another's stays as it is."""
        await self._rows.update_one({"_id": own, "state": "running", "holder": holder}, [{"$set": {"held_until": "$$NOW", "holder": None}}])

    # figures

    async def outcomes(self, own: str) -> tuple[dict[str, dict[str, int]], int]:
        """channel -> outcome -> messages, and messages of which no channel has been tried. Read from the index alone."""
        mine = {"broadcast_id": {"$eq": own, "$type": "string"}}  # the index is partial, and must be told so
        by = {name: f"$channels.{name}.outcome" for name in CHANNELS}
        counted: dict[str, dict[str, int]] = {name: {} for name in CHANNELS}
        untried = 0
        async for row in self._messages.aggregate([{"$match": mine}, {"$group": {"_id": by, "messages": {"$sum": 1}}}], hint="of_broadcast"):
            if all(outcome is None for outcome in row["_id"].values()):
                untried += int(row["messages"])
            for name, outcome in row["_id"].items():
                if outcome is not None:
                    counted[name][outcome] = counted[name].get(outcome, 0) + row["messages"]
        return {name: outcomes for name, outcomes in counted.items() if outcomes}, untried


def _leased() -> Row:
    return {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": LEASE}}
