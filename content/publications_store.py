"""Every query of publications: the newest version of each is one document; a tombstone stays, so that nothing older can come back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kit.clock import now
from kit.mongo import ASCENDING, DuplicateKeyError, IndexModel, Mongo, UpdateOne, written

INDEXES = {
    "publications": [IndexModel([("expires_at", ASCENDING)])],
    "publications_parked": [IndexModel([("at", ASCENDING)])],
    "publications_feed": [],
}
_STATE = "state"


@dataclass(frozen=True, slots=True)
class FeedState:
    """`cursor`: where the feed goes on. `revision` grows with every page that held records. `as_of`: when the core last confirmed it all."""

    cursor: str
    revision: int
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """One record of the feed, read: the publication as JSON, or None when it was taken down."""

    id: str
    version: int
    seq: int
    publication: dict[str, Any] | None
    expires_at: datetime | None


class PublicationStore:
    def __init__(self, mongo: Mongo) -> None:
        self._publications = mongo["publications"]
        self._parked = mongo["publications_parked"]
        self._feed = mongo["publications_feed"]

    async def publication(self, publication_id: str) -> dict[str, Any] | None:
        """The current version, expired or not; None if unknown or taken down."""
        found = await self._publications.find_one({"_id": publication_id}, {"publication": 1})
        return None if found is None else found["publication"]

    async def unexpired(self, at: datetime) -> list[dict[str, Any]]:
        """Everything that is not yet history, for the search index."""
        wanted = {"publication": {"$ne": None}, "$or": [{"expires_at": None}, {"expires_at": {"$gt": at}}]}
        return [row["publication"] async for row in self._publications.find(wanted, {"publication": 1})]

    async def apply(self, changes: Sequence[Change], revision: int) -> int:
        """Compare-and-set by feed sequence: an older record never overwrites a newer one. Returns how many changed something."""
        writes = []
        for one in changes:
            content = {"version": one.version, "seq": one.seq, "publication": one.publication, "expires_at": one.expires_at}
            content |= {"changed": revision, "synced_at": now()}
            writes.append(UpdateOne({"_id": one.id, "seq": {"$lt": one.seq}}, {"$set": content}, upsert=True))
        return await written(self._publications, writes)

    async def park(self, place: str, publication_id: str, reason: str, record: bytes) -> None:
        """A record that cannot be read is kept with its reason; the rest go on. As bytes: its keys and numbers may be anything."""
        row = {"id": publication_id, "reason": reason, "record": record, "at": now()}
        await self._parked.update_one({"_id": place}, {"$setOnInsert": row}, upsert=True)

    async def state(self) -> FeedState:
        row = await self._feed.find_one({"_id": _STATE}) or {}
        return FeedState(row.get("cursor", ""), row.get("revision", 0), row.get("as_of"))

    async def advance(self, before: FeedState, cursor: str, revision: int, as_of: datetime | None) -> bool:
        """Move the cursor from where `before` saw it; False if another worker was faster."""
        change: dict[str, Any] = {"cursor": cursor, "revision": revision}
        if as_of is not None:
            change["as_of"] = as_of
        seen: dict[str, Any] = {"_id": _STATE, "cursor": before.cursor} if before.cursor else {"_id": _STATE, "cursor": {"$in": ["", None]}}
        try:
            result = await self._feed.update_one(seen, {"$set": change}, upsert=not before.cursor)
        except DuplicateKeyError:
            return False
        return bool(result.matched_count or result.upserted_id is not None)
