"""Every query of slots: what the core last said of them, and the places of ours it has not counted yet. A hold is one compare-and-set."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from appointments.values import Hall, Slot
from core.appointments import Slot as CoreSlot
from kit.clock import now
from kit.mongo import AFTER, ASCENDING, IndexModel, Mongo, Tx, UpdateOne, written

INDEXES = {
    "slots": [
        IndexModel([("item_code", ASCENDING), ("starts_at", ASCENDING)], name="of_item"),
        IndexModel([("ends_at", ASCENDING)], name="forget", expireAfterSeconds=7 * 86400),
    ]
}
_FREE = {"$gt": [{"$subtract": ["$left", {"$size": "$holds"}]}, 0]}


class Slots:
    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo["slots"]

    async def see(self, found: Sequence[CoreSlot], item_code: str, span: tuple[datetime, datetime], asked_at: datetime) -> None:
        """What the core said when it was asked at `asked_at`; an older word never overwrites a newer one. What it left out has no place."""
        older = {"seen_at": {"$lt": asked_at}}
        writes = [
            UpdateOne({"_id": one.slot_id, **older}, {"$set": _said(one, asked_at), "$setOnInsert": {"holds": []}}, upsert=True) for one in found
        ]
        await written(self._rows, writes)
        gone = {"item_code": item_code, "starts_at": {"$gte": span[0], "$lt": span[1]}, "_id": {"$nin": [one.slot_id for one in found]}, **older}
        await self._rows.update_many(gone, {"$set": {"left": 0, "seen_at": asked_at}})

    async def slot(self, own: str, tx: Tx | None = None) -> Slot | None:
        row = await self._rows.find_one({"_id": own}, session=tx)
        return None if row is None else _slot(row)

    async def of_item(self, item_code: str, span: tuple[datetime, datetime]) -> list[Slot]:
        """The soonest first."""
        wanted = {"item_code": item_code, "starts_at": {"$gte": span[0], "$lt": span[1]}}
        return [_slot(row) async for row in self._rows.find(wanted).sort([("starts_at", ASCENDING), ("_id", ASCENDING)])]

    async def hold(self, tx: Tx, own: str, whose: str) -> bool:
        """One place of what is left. False: there is none."""
        wanted = {"_id": own, "holds": {"$ne": whose}, "$expr": _FREE}
        return bool((await self._rows.update_one(wanted, {"$push": {"holds": whose}}, session=tx)).modified_count)

    async def hand_on(self, tx: Tx, own: str, whose: str, to: str) -> bool:
        """The place kept for somebody becomes their appointment's."""
        wanted = {"_id": own, "holds": whose}
        return bool((await self._rows.update_one(wanted, {"$set": {"holds.$": to}}, session=tx)).modified_count)

    async def release(self, tx: Tx, own: str, whose: str, *, is_full: bool = False) -> None:
        """Not ours any more. `is_full`: the core just said that it has none left, or takes nobody."""
        change: dict[str, Any] = {"$pull": {"holds": whose}}
        if is_full:
            change["$set"] = {"left": 0, "seen_at": now()}
        await self._rows.update_one({"_id": own}, change, session=tx)

    async def counted(self, tx: Tx, own: str, whose: str) -> None:
        """The core has booked it: counted there, no hold here."""
        change = {"$pull": {"holds": whose}, "$inc": {"left": -1}, "$set": {"seen_at": now()}}
        await self._rows.update_one({"_id": own, "holds": whose}, change, session=tx)

    async def given_back(self, tx: Tx, own: str) -> Slot | None:
        """The core has one more. None: a slot we have forgotten."""
        change = {"$inc": {"left": 1}, "$set": {"seen_at": now()}}
        row = await self._rows.find_one_and_update({"_id": own}, change, session=tx, return_document=AFTER)
        return None if row is None else _slot(row)


def _said(one: CoreSlot, at: datetime) -> dict[str, Any]:
    hall = {"hall_id": one.hall.hall_id, "name": one.hall.name, "address": one.hall.address}
    return {"item_code": one.item_code, "hall": hall, "starts_at": one.starts_at, "ends_at": one.ends_at, "left": one.left, "seen_at": at}


def hall_row(hall: Hall) -> dict[str, Any]:
    return asdict(hall)


def _slot(row: Mapping[str, Any]) -> Slot:
    hall = Hall(**row["hall"])
    return Slot(row["_id"], row["item_code"], hall, row["starts_at"], row["ends_at"], row["left"], tuple(row["holds"]), row["seen_at"])
