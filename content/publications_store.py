"""Every query of publications: the newest version of each is one document; a tombstone stays, so that nothing older can come back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from content.feed import Feed
from kit.clock import now
from kit.mongo import ASCENDING, IndexModel, Mongo, UpdateOne, written

INDEXES = {
    "publications": [IndexModel([("expires_at", ASCENDING)])],
    "publications_parked": [IndexModel([("at", ASCENDING)])],
    "publications_feed": [],
}


@dataclass(frozen=True, slots=True)
class Change:
    """One record of the feed, read: the publication as JSON, or None when it was taken down."""

    id: str
    version: int
    seq: int
    publication: dict[str, Any] | None
    expires_at: datetime | None


class PublicationStore(Feed):
    def __init__(self, mongo: Mongo) -> None:
        super().__init__(mongo["publications_feed"], mongo["publications_parked"], about=("publication", "id"))
        self._publications = mongo["publications"]

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
