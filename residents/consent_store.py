"""Every query of what people agreed to. Rows are never changed but for the date of withdrawal, and never removed."""

from collections.abc import Mapping
from typing import Any

from kit.clock import now
from kit.ids import new_id
from kit.mongo import ASCENDING, IndexModel, Mongo, Tx
from residents.policies import Policy

INDEXES = {"policy_consents": [IndexModel([("person_id", ASCENDING), ("purpose", ASCENDING)]), IndexModel([("resident_id", ASCENDING)])]}


class PolicyConsents:
    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo["policy_consents"]

    async def add(self, whose: tuple[str | None, str, str], policy: Policy, about: str | None, tx: Tx | None = None) -> None:
        """`whose`: person, resident, channel. `about`: for a minor, their subject key."""
        row = {
            "_id": new_id("pc"),
            "person_id": whose[0],
            "resident_id": whose[1],
            "channel": whose[2],
            "purpose": policy.purpose,
            "version": policy.version,
            "text_hash": policy.text_hash,
            "about": about,
            "at": now(),
            "withdrawn_at": None,
        }
        await self._rows.insert_one(row, session=tx)

    async def is_given(self, person_id: str | None, resident_id: str | None, policy: Policy, about: str | None = None) -> bool:
        """To just this text."""
        wanted = {"purpose": policy.purpose, "text_hash": policy.text_hash, "about": about, "withdrawn_at": None}
        return await self._rows.find_one({**_whose(person_id, resident_id), **wanted}, {"_id": 1}) is not None

    async def history(self, person_id: str | None, resident_id: str) -> list[dict[str, Any]]:
        """The newest first."""
        return [row async for row in self._rows.find(_whose(person_id, resident_id)).sort("at", -1).limit(200)]

    async def withdraw(self, person_id: str | None, resident_id: str, purpose: str) -> None:
        theirs = {**_whose(person_id, resident_id), "purpose": purpose, "withdrawn_at": None}
        await self._rows.update_many(theirs, {"$set": {"withdrawn_at": now()}})

    async def give_to_person(self, tx: Tx, resident_id: str, person_id: str) -> None:
        """What was agreed to before anybody stood behind the account."""
        await self._rows.update_many({"resident_id": resident_id, "person_id": None}, {"$set": {"person_id": person_id}}, session=tx)


def _whose(person_id: str | None, resident_id: str | None) -> Mapping[str, Any]:
    return {"person_id": person_id} if person_id is not None else {"person_id": None, "resident_id": resident_id}
