"""Who has been here lately, person after person: for what looks after everybody, slowly, and goes on where it stopped."""

from dataclasses import dataclass
from datetime import datetime

from kit.mongo import ASCENDING, Mongo


@dataclass(frozen=True, slots=True)
class Page:
    """`persons`: those of them who were here. `last`: how far it went; None: there is nobody after that."""

    persons: tuple[str, ...]
    last: str | None


class ActivePersons:
    def __init__(self, mongo: Mongo) -> None:
        self._residents, self._identities = mongo["residents"], mongo["identities"]

    async def after(self, last: str, since: datetime, limit: int) -> Page:
        """Of the next `limit` accounts behind which somebody stands: the persons who signed in on any account of theirs from `since` on."""
        next_ones = self._residents.find({"person_id": {"$gt": last, "$type": "string"}}, {"_id": 0, "person_id": 1}).sort("person_id", ASCENDING)
        persons = list(dict.fromkeys([row["person_id"] async for row in next_ones.limit(limit)]))
        if not persons:
            return Page((), None)
        whose = {row["_id"]: row["person_id"] async for row in self._residents.find({"person_id": {"$in": persons}}, {"person_id": 1})}
        seen = self._identities.find({"resident_id": {"$in": list(whose)}, "seen_at": {"$gte": since}}, {"_id": 0, "resident_id": 1})
        active = {whose[row["resident_id"]] async for row in seen}
        return Page(tuple(one for one in persons if one in active), persons[-1])
