"""Every query of grants: one person lets another act for them, for a time. The other's name and number are sealed; look-ups are blind."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kit.clock import now
from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import AFTER, ASCENDING, IndexModel, Mongo, Tx

INDEXES = {"grants": [IndexModel([("giver_person_id", ASCENDING), ("created_at", ASCENDING)]), IndexModel([("agent_index", ASCENDING)])]}


@dataclass(frozen=True, slots=True)
class Grant:
    """`purposes` None: for everything. `agent_person_id` is set once accepted. `state`: offered | accepted | ended."""

    id: str
    giver_person_id: str
    agent_name: str
    agent_person_id: str | None
    purposes: frozenset[str] | None
    until: datetime
    state: str
    created_at: datetime

    def is_live(self, at: datetime) -> bool:
        return self.state != "ended" and at < self.until


class Grants:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._rows = mongo["grants"]
        self._keys = keys

    async def add(self, tx: Tx, giver: str, agent: tuple[str, str], purposes: frozenset[str] | None, until: datetime) -> str:
        """`agent`: name and ID number."""
        own = new_id("g")
        row = {
            "_id": own,
            "giver_person_id": giver,
            "agent_name": self._keys.seal(agent[0], f"grants/agent_name/{own}"),
            "agent_index": self._keys.index("id_number", agent[1]),
            "agent_person_id": None,
            "purposes": None if purposes is None else sorted(purposes),
            "until": until,
            "state": "offered",
            "created_at": now(),
        }
        await self._rows.insert_one(row, session=tx)
        return own

    async def grant(self, own: str) -> Grant | None:
        row = await self._rows.find_one({"_id": own})
        return None if row is None else self._read(row)

    async def given(self, person_id: str, limit: int = 100) -> list[Grant]:
        """The newest first."""
        found = self._rows.find({"giver_person_id": person_id}).sort("created_at", -1).limit(limit)
        return [self._read(row) async for row in found]

    async def live_given(self, person_id: str) -> int:
        return int(await self._rows.count_documents({"giver_person_id": person_id, "state": {"$ne": "ended"}, "until": {"$gt": now()}}))

    async def received(self, name: str, id_number: str) -> list[Grant]:
        """Live ones for whoever has this name and number."""
        wanted = {"agent_index": self._keys.index("id_number", id_number), "state": {"$ne": "ended"}, "until": {"$gt": now()}}
        found = [self._read(row) async for row in self._rows.find(wanted).sort("created_at", -1).limit(200)]
        return [grant for grant in found if grant.agent_name == name]

    async def agent_index(self, own: str) -> str | None:
        row = await self._rows.find_one({"_id": own}, {"agent_index": 1})
        return None if row is None else str(row["agent_index"])

    async def accept(self, tx: Tx, own: str, person_id: str) -> bool:
        """False when it is not on offer any more."""
        on_offer = {"_id": own, "state": "offered", "until": {"$gt": now()}}
        change = {"$set": {"state": "accepted", "agent_person_id": person_id, "accepted_at": now()}}
        return bool((await self._rows.update_one(on_offer, change, session=tx)).modified_count)

    async def end(self, tx: Tx, own: str, by: str) -> Grant | None:
        """None when it had ended already."""
        change = {"$set": {"state": "ended", "ended_at": now(), "ended_by": by}}
        row = await self._rows.find_one_and_update({"_id": own, "state": {"$ne": "ended"}}, change, session=tx, return_document=AFTER)
        return None if row is None else self._read(row)

    def _read(self, row: dict[str, Any]) -> Grant:
        own = row["_id"]
        return Grant(
            id=own,
            giver_person_id=row["giver_person_id"],
            agent_name=self._keys.open(row["agent_name"], f"grants/agent_name/{own}"),
            agent_person_id=row["agent_person_id"],
            purposes=None if row["purposes"] is None else frozenset(row["purposes"]),
            until=row["until"],
            state=row["state"],
            created_at=row["created_at"],
        )
