"""Guessing is slow: five tries in 15 minutes, then 15 minutes of none, counted per username whether or not it exists.

A try is counted before it is looked at and forgotten when it was right, so that a hundred guesses at once are five guesses too.
"""

from datetime import timedelta
from typing import Any

from kit.clock import now
from kit.crypto import Keyring
from kit.errors import Forbidden
from kit.mongo import AFTER, ASCENDING, DuplicateKeyError, IndexModel, Mongo

COLLECTION = "staff_tries"
INDEXES = {COLLECTION: [IndexModel([("forget_at", ASCENDING)], name="forget", expireAfterSeconds=0)]}
TRIES = 5
WINDOW = LOCKED = timedelta(minutes=15)


class Tries:
    """One row per username that somebody failed with lately, under a keyed digest: what people type there may be anything."""

    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._rows = mongo[COLLECTION]
        self._keys = keys

    async def begin(self, username: str) -> None:
        """Count one try, in one write. Raises Forbidden while locked."""
        try:
            row = await self._count(username)
        except DuplicateKeyError:  # two first tries at once
            row = await self._count(username)
        if row["locked"]:
            left = max(1, int((row["locked_until"] - now()).total_seconds()))
            raise Forbidden("staff_locked", "登录失败次数过多，请 15 分钟后再试，或请安全管理员解锁", retry_after=left)

    async def forget(self, username: str) -> bool:
        """After a right one, or by the security administrator. False: there were none."""
        return bool((await self._rows.delete_one({"_id": self._id(username)})).deleted_count)

    async def is_locked(self, username: str) -> bool:
        return await self._rows.count_documents({"_id": self._id(username), "locked_until": {"$gt": now()}}) > 0

    async def _count(self, username: str) -> dict[str, Any]:
        at = now()
        recent = {"$filter": {"input": {"$ifNull": ["$times", []]}, "cond": {"$gt": ["$$this", at - WINDOW]}}}
        stages: list[dict[str, Any]] = [
            {"$set": {"locked": {"$gt": [{"$ifNull": ["$locked_until", at]}, at]}, "forget_at": at + timedelta(days=1)}},
            {"$set": {"times": {"$cond": ["$locked", "$times", {"$concatArrays": [recent, [at]]}]}}},
            {"$set": {"locked_until": {"$cond": ["$locked", "$locked_until", self._until(at)]}}},
        ]
        found: dict[str, Any] = await self._rows.find_one_and_update({"_id": self._id(username)}, stages, upsert=True, return_document=AFTER)
        return found

    @staticmethod
    def _until(at: Any) -> dict[str, Any]:
        return {"$cond": [{"$gte": [{"$size": "$times"}, TRIES]}, at + LOCKED, None]}

    def _id(self, username: str) -> str:
        return self._keys.index("staff_username", username)
