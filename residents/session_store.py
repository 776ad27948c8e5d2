"""Every query of sessions. A session carries whom its holder acts for and when they last confirmed that it is them."""

import hashlib
from datetime import datetime
from typing import Any

from kit.clock import now
from kit.mongo import ASCENDING, IndexModel, Mongo, Tx

INDEXES = {"sessions": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0), IndexModel([("resident_id", ASCENDING)])]}


class Sessions:
    def __init__(self, mongo: Mongo) -> None:
        self._rows = mongo["sessions"]

    async def open(self, token: str, resident_id: str, channel: str, expires_at: datetime, tx: Tx | None = None) -> None:
        row = {"_id": digest(token), "resident_id": resident_id, "channel": channel, "expires_at": expires_at, "created_at": now()}
        await self._rows.insert_one(row, session=tx)

    async def session(self, token_digest: str) -> dict[str, Any] | None:
        return await self._rows.find_one({"_id": token_digest, "expires_at": {"$gt": now()}})

    async def of_resident(self, resident_id: str) -> list[str]:
        """Digests of their tokens."""
        return [row["_id"] async for row in self._rows.find({"resident_id": resident_id}, {"_id": 1})]

    async def act_for(self, token_digest: str, subject: dict[str, Any] | None) -> None:
        """{key, as, until, grant_id, purposes}; None: for themselves."""
        change = {"$unset": {"subject": ""}} if subject is None else {"$set": {"subject": subject}}
        await self._rows.update_one({"_id": token_digest}, change)

    async def stepped_up(self, tx: Tx, token_digest: str, at: datetime) -> None:
        await self._rows.update_one({"_id": token_digest}, {"$set": {"stepped_up_at": at}}, session=tx)

    async def close(self, token_digest: str) -> None:
        await self._rows.delete_one({"_id": token_digest})

    async def close_all(self, tx: Tx, resident_id: str) -> None:
        await self._rows.delete_many({"resident_id": resident_id}, session=tx)


def digest(token: str) -> str:
    """What is stored of a bearer token: a copy of the database opens no session."""
    return hashlib.sha256(token.encode()).hexdigest()
