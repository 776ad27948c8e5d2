"""Every query of link codes: short, short-lived, used once, kept as a blind digest."""

from contextlib import suppress
from datetime import datetime

from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import ASCENDING, DuplicateKeyError, IndexModel, Mongo

INDEXES = {"link_codes": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0), IndexModel([("resident_id", ASCENDING)])]}


class LinkCodes:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._rows = mongo["link_codes"]
        self._keys = keys

    async def add(self, code: str, resident_id: str, expires_at: datetime) -> None:
        """In place of an earlier one of this resident. Raises DuplicateKeyError when somebody has just this code."""
        await self._rows.delete_many({"resident_id": resident_id})
        await self._rows.insert_one({"_id": self._id(code), "resident_id": resident_id, "expires_at": expires_at})

    async def put_back(self, code: str, resident_id: str, expires_at: datetime) -> None:
        """Nothing came of its use."""
        with suppress(DuplicateKeyError):
            await self._rows.insert_one({"_id": self._id(code), "resident_id": resident_id, "expires_at": expires_at})

    async def owner(self, code: str) -> tuple[str, datetime] | None:
        """(resident id, end) of a code that is still good."""
        row = await self._rows.find_one({"_id": self._id(code), "expires_at": {"$gt": now()}})
        return None if row is None else (row["resident_id"], row["expires_at"])

    async def use(self, code: str) -> bool:
        """False: somebody was first."""
        return bool((await self._rows.delete_one({"_id": self._id(code), "expires_at": {"$gt": now()}})).deleted_count)

    def _id(self, code: str) -> str:
        return self._keys.index("link_code", code)
