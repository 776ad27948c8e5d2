"""Every query of closures: one small document per item that ever was closed for online handling."""

from collections.abc import Mapping, Sequence
from typing import Any

from content.closures import Closure, Kept
from kit.clock import now
from kit.mongo import ASCENDING, DuplicateKeyError, IndexModel, Mongo

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "item_closures": [IndexModel([("since", ASCENDING)], name="in_force", partialFilterExpression={"is_closed": True})],
}


class Closures:
    def __init__(self, mongo: Mongo) -> None:
        self._closures = mongo["item_closures"]

    async def kept(self, code: str) -> Kept | None:
        row = await self._closures.find_one({"_id": code})
        return Kept(_closure(row), row["is_closed"]) if row is not None else None

    async def of(self, code: str) -> Closure | None:
        """The one in force now."""
        return (await self.of_all([code])).get(code)

    async def of_all(self, codes: Sequence[str]) -> dict[str, Closure]:
        """Those in force now, by item."""
        if not codes:
            return {}
        found = self._closures.find({"_id": {"$in": list(codes)}, **_in_force()})
        return {row["_id"]: _closure(row) async for row in found}

    async def in_force(self) -> dict[str, Closure]:
        """Every one in force now, by item, the newest last."""
        found = self._closures.find(_in_force()).sort("since", ASCENDING)
        return {row["_id"]: _closure(row) async for row in found}

    async def put(self, closure: Closure, *, is_closed: bool, seen: int | None) -> bool:
        """Compare-and-set on the revision that was `seen`, None: no document. False when somebody was faster."""
        row = {name: getattr(closure, name) for name in ("message", "since", "until", "by", "revision")} | {"is_closed": is_closed}
        if seen is not None:
            return bool((await self._closures.update_one({"_id": closure.code, "revision": seen}, {"$set": row})).modified_count)
        try:
            await self._closures.insert_one({"_id": closure.code, **row})
        except DuplicateKeyError:
            return False
        return True


def _in_force() -> dict[str, Any]:
    return {"is_closed": True, "$or": [{"until": None}, {"until": {"$gt": now()}}]}


def _closure(row: Mapping[str, Any]) -> Closure:
    return Closure(row["_id"], row["message"], row["since"], row["until"], row["by"], row["revision"])
