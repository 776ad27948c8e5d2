"""How somebody wants to be told: one row per person, or per account while nobody stands behind it."""

from typing import Any

from kit.clock import now
from kit.mongo import IndexModel, Mongo
from residents.changes import address

INDEXES: dict[str, list[IndexModel]] = {"preferences": []}


class Preferences:
    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo["preferences"]

    async def read(self, person_id: str | None, resident_id: str) -> dict[str, Any] | None:
        """A person who never said is asked by what they said on this account before."""
        own = await self._rows.find_one({"_id": address(person_id, resident_id)})
        return own if own is not None or person_id is None else await self._rows.find_one({"_id": address(None, resident_id)})

    async def write(self, person_id: str | None, resident_id: str, wanted: dict[str, Any]) -> None:
        await self._rows.replace_one({"_id": address(person_id, resident_id)}, {**wanted, "at": now()}, upsert=True)
