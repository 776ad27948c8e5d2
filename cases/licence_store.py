"""Every query of licence uses: who let which licence be shown, for what, until when. Written before the core is asked, so that none is unknown.

asking -> presented      the core made it; it ends by itself at `valid_until`
       -> refused        the core's clear no
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from cases.file_store import Owner
from cases.pages import Place, after
from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import AFTER, ASCENDING, IndexModel, Mongo

State = Literal["asking", "presented", "refused"]
INDEXES = {"licence_uses": [IndexModel([("subject_key", ASCENDING), ("at", ASCENDING), ("_id", ASCENDING)])]}


@dataclass(frozen=True, slots=True)
class Wish:
    """Let this licence of the owner be shown to whoever handles the item. `request_id`: the case it goes with, if there is one."""

    presentation_id: str
    licence_id: str
    owner: Owner  # its `person_id` says who allows it
    item_code: str
    item_name: str
    purpose: str
    valid_until: datetime
    licence_name: str = ""
    request_id: str | None = None


class LicenceUses:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._uses = mongo["licence_uses"]
        self._keys = keys

    async def begin(self, wish: Wish) -> tuple[dict[str, Any], bool]:
        """(what is on record, True when this call put it there). What was written first stands, so that the core is asked the same every time."""
        row = {
            "licence_id": wish.licence_id,
            "licence_name": wish.licence_name,
            "subject_key": wish.owner.key,
            "person_id": wish.owner.person_id,
            "resident_id": wish.owner.resident_id,
            "item_code": wish.item_code,
            "item_name": wish.item_name,
            "request_id": wish.request_id,
            "purpose": wish.purpose,
            "valid_until": wish.valid_until,
            "state": "asking",
            "at": now(),
        }
        done = await self._uses.update_one({"_id": wish.presentation_id}, {"$setOnInsert": row}, upsert=True)
        found = await self._uses.find_one({"_id": wish.presentation_id})
        return cast("dict[str, Any]", self._opened(found)), done.upserted_id is not None

    async def ask_anew(self, presentation_id: str, wish: Wish) -> dict[str, Any]:
        """The core holds none of this id: it is asked with new values, those of whoever comes first."""
        change = {"valid_until": wish.valid_until, "purpose": wish.purpose, "person_id": wish.owner.person_id, "state": "asking", "at": now()}
        over = {"_id": presentation_id, "$or": [{"state": "refused"}, {"state": "asking", "valid_until": {"$lte": now()}}]}
        await self._uses.update_one(over, {"$set": change})
        return cast("dict[str, Any]", self._opened(await self._uses.find_one({"_id": presentation_id})))

    async def presented(self, presentation_id: str, code: str, valid_until: datetime) -> dict[str, Any]:
        sealed = self._keys.seal(code, f"licence_uses/code/{presentation_id}")
        change = {"state": "presented", "code": sealed, "valid_until": valid_until, "presented_at": now()}
        known = {"_id": presentation_id, "state": {"$ne": "presented"}}
        await self._uses.find_one_and_update(known, {"$set": change}, return_document=AFTER)
        return cast("dict[str, Any]", self._opened(await self._uses.find_one({"_id": presentation_id})))

    async def refused(self, presentation_id: str, reason: str) -> None:
        await self._uses.update_one({"_id": presentation_id, "state": "asking"}, {"$set": {"state": "refused", "reason": reason}})

    async def of_subject(self, subject_key: str, last: Place | None, limit: int) -> list[dict[str, Any]]:
        """Newest first, whoever of those who act for the subject allowed them."""
        wanted = {"subject_key": subject_key, **after("at", last)}
        return [row async for row in self._uses.find(wanted, {"code": 0}).sort([("at", -1), ("_id", -1)]).limit(limit)]

    def _opened(self, row: dict[str, Any] | None) -> dict[str, Any] | None:
        if row is None or row.get("code") is None:
            return row
        return row | {"code": self._keys.open(row["code"], f"licence_uses/code/{row['_id']}")}
