"""How often something may be tried in an hour, counted under a blind digest: whether a number belongs to anybody makes no difference.

Counted in Mongo, before the thing is done, so that neither a lost Redis nor a hundred tries at once make more of them.
"""

from datetime import timedelta
from typing import Any

from kit.clock import now
from kit.crypto import Keyring
from kit.errors import TooMany
from kit.mongo import AFTER, ASCENDING, DuplicateKeyError, IndexModel, Mongo

COLLECTION = "identity_tries"
INDEXES = {COLLECTION: [IndexModel([("forget_at", ASCENDING)], name="forget", expireAfterSeconds=0)]}
WINDOW = timedelta(hours=1)


class Tries:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._rows = mongo[COLLECTION]
        self._keys = keys

    async def begin(self, what: list[tuple[str, str, int]], title: str) -> None:
        """Count one try for each (kind, value, limit), all of them whatever the first says. Raises TooMany when one had its limit in the hour before."""
        waits = [await self._begin(*one) for one in what]
        if longest := max(waits):
            raise TooMany("too_many_tries", title, retry_after=longest)

    async def take_back(self, what: list[tuple[str, str, int]]) -> None:
        """It never came to the try: somebody it needs was away."""
        for kind, value, _ in what:
            await self._rows.update_one({"_id": self._own(kind, value)}, {"$pop": {"times": 1}})

    async def _begin(self, kind: str, value: str, limit: int) -> int:
        """0, or the seconds until the next one may be tried."""
        own = self._own(kind, value)
        try:
            row = await self._count(own, limit)
        except DuplicateKeyError:  # two first tries at once
            row = await self._count(own, limit)
        if row["counted"]:
            return 0
        return max(1, int((row["times"][0] + WINDOW - now()).total_seconds()) + 1)

    async def _count(self, own: str, limit: int) -> dict[str, Any]:
        at = now()
        recent = {"$filter": {"input": {"$ifNull": ["$times", []]}, "cond": {"$gt": ["$$this", at - WINDOW]}}}
        stages: list[dict[str, Any]] = [
            {"$set": {"times": recent, "forget_at": at + 2 * WINDOW}},
            {"$set": {"counted": {"$lt": [{"$size": "$times"}, limit]}}},
            {"$set": {"times": {"$cond": ["$counted", {"$concatArrays": ["$times", [at]]}, "$times"]}}},
        ]
        found: dict[str, Any] = await self._rows.find_one_and_update({"_id": own}, stages, upsert=True, return_document=AFTER)
        return found

    def _own(self, kind: str, value: str) -> str:
        return self._keys.index(f"tries/{kind}", value)
