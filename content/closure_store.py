"""Every query of closures: one small document per item that ever was closed for online handling, and turns, so that no submission slips by one.

Whoever hands in something takes one of an item's turns in the transaction that records it; a closing takes all of them, and leaves word in each. So
either the submission is there before the closing, or it begins again and finds the item closed. Submissions rarely meet each other: there are many.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from content.closures import Closure, Kept
from kit.clock import now
from kit.mongo import AFTER, ASCENDING, DuplicateKeyError, IndexModel, Mongo, Tx, UpdateOne

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "item_closures": [IndexModel([("since", ASCENDING)], name="in_force", partialFilterExpression={"is_closed": True})],
    "item_closure_turns": [],
}
TURNS = 32  # of an item; two that hand in the same item at the same moment meet in one of so many


class Closures:
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._closures = mongo["item_closures"]
        self._turns = mongo["item_closure_turns"]

    async def kept(self, code: str) -> Kept | None:
        row = await self._closures.find_one({"_id": code})
        return Kept(_closure(row), row["is_closed"]) if row is not None else None

    async def of(self, code: str) -> Closure | None:
        """The one in force now."""
        return (await self.of_all([code])).get(code)

    async def of_all(self, codes: Sequence[str], tx: Tx | None = None) -> dict[str, Closure]:
        """Those in force now, by item."""
        if not codes:
            return {}
        found = self._closures.find({"_id": {"$in": list(codes)}, **_in_force()}, session=tx)
        return {row["_id"]: _closure(row) async for row in found}

    async def take_turn(self, tx: Tx, codes: Sequence[str], whose: str) -> dict[str, Closure]:
        """Those closed now; until this transaction ends nobody closes the others. One round trip for each. `whose`: the same for the same submission."""
        n, closed = zlib.crc32(whose.encode()) % TURNS, list[str]()
        for code in sorted(codes):
            change = {"$inc": {"turn": 1}}
            row = await self._turns.find_one_and_update({"_id": f"{code}/{n}"}, change, upsert=True, return_document=AFTER, session=tx)
            closed += [code] if row.get("is_closed") else []
        return await self.of_all(closed, tx)

    async def in_force(self) -> dict[str, Closure]:
        """Every one in force now, by item, the newest last."""
        found = self._closures.find(_in_force()).sort("since", ASCENDING)
        return {row["_id"]: _closure(row) async for row in found}

    async def put(self, closure: Closure, *, is_closed: bool, seen: int | None) -> bool:
        """Compare-and-set on the revision that was `seen`, None: no document. False when somebody was faster."""
        row = {name: getattr(closure, name) for name in ("message", "since", "until", "by", "revision")} | {"is_closed": is_closed}

        async def write(tx: Tx) -> bool:
            if seen is None:
                await self._closures.insert_one({"_id": closure.code, **row}, session=tx)
            elif not (await self._closures.update_one({"_id": closure.code, "revision": seen}, {"$set": row}, session=tx)).modified_count:
                return False
            turn = {"$inc": {"turn": 1}, "$set": {"is_closed": is_closed}}
            await self._turns.bulk_write([UpdateOne({"_id": f"{closure.code}/{n}"}, turn, upsert=True) for n in range(TURNS)], session=tx)
            return True

        try:
            return await self._mongo.transaction(write)
        except DuplicateKeyError:
            return False


def _in_force() -> dict[str, Any]:
    return {"is_closed": True, "$or": [{"until": None}, {"until": {"$gt": now()}}]}


def _closure(row: Mapping[str, Any]) -> Closure:
    return Closure(row["_id"], row["message"], row["since"], row["until"], row["by"], row["revision"])
