"""Every query of challenges: what the core was asked to let somebody confirm, and for what. Names and numbers are sealed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import ASCENDING, IndexModel, Mongo, Tx

INDEXES = {"challenges": [IndexModel([("forget_at", ASCENDING)], expireAfterSeconds=0)]}
Kind = Literal["bind", "step_up", "link", "kiosk"]


@dataclass(frozen=True, slots=True)
class PendingChallenge:
    """`resident_id` started it and alone may finish it ("kiosk:<device>" for a kiosk). `about`: what it is for, ids only."""

    id: str
    resident_id: str
    core_challenge: str
    name: str
    id_number: str
    state: str
    expires_at: datetime
    about: dict[str, Any]


class Challenges:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._rows = mongo["challenges"]
        self._keys = keys

    async def add(self, kind: Kind, resident_id: str, asked: tuple[str, datetime], who: tuple[str, str], about: dict[str, Any]) -> str:
        """`asked`: the core's challenge and its end; `who`: name and ID number."""
        challenge_id = new_id("ch")
        row = {
            "_id": challenge_id,
            "kind": kind,
            "resident_id": resident_id,
            "core_challenge": asked[0],
            "name": self._keys.seal(who[0], f"challenges/name/{challenge_id}"),
            "id_number": self._keys.seal(who[1], f"challenges/id_number/{challenge_id}"),
            "about": about,
            "state": "pending",
            "expires_at": asked[1],
            "forget_at": asked[1] + timedelta(days=1),
        }
        await self._rows.insert_one(row)
        return challenge_id

    async def find(self, kind: Kind, challenge_id: str, resident_id: str) -> PendingChallenge | None:
        """Only whoever started it can see it, and only as what it is for. Rows of an earlier version are for binding."""
        kinds = ["bind", None] if kind == "bind" else [kind]
        row = await self._rows.find_one({"_id": challenge_id, "resident_id": resident_id, "kind": {"$in": kinds}})
        if row is None:
            return None
        name = self._keys.open(row["name"], f"challenges/name/{challenge_id}")
        number = self._keys.open(row["id_number"], f"challenges/id_number/{challenge_id}")
        about = row.get("about") or {}
        return PendingChallenge(challenge_id, resident_id, row["core_challenge"], name, number, row["state"], row["expires_at"], about)

    async def use(self, tx: Tx, challenge_id: str) -> bool:
        """Once, in the transaction of its effect. False: somebody was first."""
        pending = {"_id": challenge_id, "state": "pending"}
        return bool((await self._rows.update_one(pending, {"$set": {"state": "used"}}, session=tx)).modified_count)
