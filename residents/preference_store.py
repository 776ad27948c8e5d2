"""How somebody wants to be told, and whether anything is recommended to them: one row per person, or per account while nobody stands behind it."""

from typing import Any

from kit.clock import now
from kit.mongo import IndexModel, Mongo
from residents.changes import address

_MOST = 200
INDEXES: dict[str, list[IndexModel]] = {"preferences": []}


class Preferences:
    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo["preferences"]

    async def read(self, person_id: str | None, resident_id: str) -> dict[str, Any] | None:
        """What a person never said is taken from what they said on this account before."""
        own, account = address(person_id, resident_id), address(None, resident_id)
        rows = {row["_id"]: row async for row in self._rows.find({"_id": {"$in": [own, account]}})}
        return {**rows.get(account, {}), **rows.get(own, {})} or None

    async def write(self, person_id: str | None, resident_id: str, wanted: dict[str, Any]) -> None:
        """What is not in `wanted` stays."""
        await self._rows.update_one({"_id": address(person_id, resident_id)}, {"$set": {**wanted, "at": now()}}, upsert=True)

    async def not_again(self, person_id: str, rule: str) -> None:
        """No recommendation by this rule any more. At most so many: they are ids of rules of a file."""
        row = {"_id": address(person_id, "")}
        await self._rows.update_one(row, {"$push": {"recommendations_off": {"$each": [], "$slice": -_MOST}}}, upsert=True)
        await self._rows.update_one(
            {**row, "recommendations_off": {"$ne": rule}}, {"$push": {"recommendations_off": {"$each": [rule], "$slice": -_MOST}}}
        )
