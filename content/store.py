"""Every query of content. An item's newest version is one document, its guide another; older versions stay readable beside them.

Guides are kept as the JSON they are served as: shaping and encoding happen once per change, not once per reader.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from kit.clock import now
from kit.mongo import ASCENDING, DuplicateKeyError, IndexModel, Mongo, UpdateOne, written

INDEXES = {
    "items": [IndexModel([("changed", ASCENDING)])],
    "item_versions": [],
    "guides": [IndexModel([("shape", ASCENDING)])],
    "items_parked": [IndexModel([("at", ASCENDING)])],
    "catalogue": [],
}
_STATE = "state"


@dataclass(frozen=True, slots=True)
class CatalogueState:
    """`cursor`: where the feed goes on. `revision` grows with every applied change. `as_of`: when the core last confirmed it all."""

    cursor: str
    revision: int
    as_of: datetime | None
    first_load_done: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One record of the feed, read: the item and its guide, or None for both when it was taken down."""

    code: str
    version: int
    seq: int
    item: dict[str, Any] | None
    guide: bytes | None


class Content:
    def __init__(self, mongo: Mongo) -> None:
        self._items = mongo["items"]
        self._versions = mongo["item_versions"]
        self._guides = mongo["guides"]
        self._parked = mongo["items_parked"]
        self._catalogue = mongo["catalogue"]

    async def item(self, code: str) -> dict[str, Any] | None:
        """The current version, or None if unknown or taken down."""
        found = await self._items.find_one({"_id": code})
        return found if found is not None and found["item"] is not None else None

    async def item_version(self, code: str, version: int) -> dict[str, Any] | None:
        return await self._versions.find_one({"_id": f"{code}@{version}"})

    async def searchable(self, fields: Sequence[str]) -> list[dict[str, Any]]:
        """These fields of every live item, for the search index."""
        wanted = {f"item.{field}": 1 for field in fields}
        return [row["item"] async for row in self._items.find({"item": {"$ne": None}}, wanted)]

    async def guide(self, code: str) -> tuple[int, bytes] | None:
        """(shape it was made in, JSON without its date), or None if unknown or taken down."""
        found = await self._guides.find_one({"_id": code}, {"shape": 1, "body": 1})
        return (found["shape"], found["body"]) if found is not None and found["body"] is not None else None

    async def keep_guides(self, changes: Sequence[Change], shape: int) -> None:
        """Written before their items, so that a crash between the two is mended by the page's repetition. Never over a newer one."""
        writes = []
        for one in changes:
            older = {"_id": one.code, "$or": [{"seq": {"$lt": one.seq}}, {"seq": one.seq, "shape": {"$ne": shape}}]}
            writes.append(UpdateOne(older, {"$set": {"seq": one.seq, "shape": shape, "body": one.guide}}, upsert=True))
        await written(self._guides, writes)

    async def other_shapes(self, shape: int) -> list[dict[str, Any]]:
        """Items whose guide was made in another shape, by another release."""
        codes = [row["_id"] async for row in self._guides.find({"shape": {"$ne": shape}}, {"_id": 1})]
        return [row async for row in self._items.find({"_id": {"$in": codes}})]

    async def apply(self, changes: Sequence[Change], revision: int) -> int:
        """Compare-and-set by feed sequence: an older record never overwrites a newer one. Returns how many changed something."""
        items, versions = [], []
        for one in changes:
            content = {"version": one.version, "seq": one.seq, "item": one.item, "changed": revision, "synced_at": now()}
            items.append(UpdateOne({"_id": one.code, "seq": {"$lt": one.seq}}, {"$set": content}, upsert=True))
            if one.item is not None:
                row = {"$setOnInsert": {"item": one.item, "at": now()}}
                versions.append(UpdateOne({"_id": f"{one.code}@{one.version}"}, row, upsert=True))
        await written(self._versions, versions)
        return await written(self._items, items)

    async def park(self, place: str, code: str, reason: str, record: dict[str, Any]) -> None:
        """A record that cannot be read is kept with its reason; the rest go on."""
        row = {"code": code, "reason": reason, "record": orjson.dumps(record), "at": now()}  # as bytes: its keys may be anything
        await self._parked.update_one({"_id": place}, {"$setOnInsert": row}, upsert=True)

    async def state(self) -> CatalogueState:
        row = await self._catalogue.find_one({"_id": _STATE}) or {}
        return CatalogueState(row.get("cursor", ""), row.get("revision", 0), row.get("as_of"), row.get("first_load_done", False))

    async def advance(self, before: CatalogueState, cursor: str, revision: int, as_of: datetime | None) -> bool:
        """Move the cursor from where `before` saw it; False if another worker was faster."""
        change: dict[str, Any] = {"cursor": cursor, "revision": revision}
        if as_of is not None:
            change |= {"as_of": as_of, "first_load_done": True}
        try:
            seen: dict[str, Any] = {"_id": _STATE, "cursor": before.cursor} if before.cursor else {"_id": _STATE, "cursor": {"$in": ["", None]}}
            result = await self._catalogue.update_one(seen, {"$set": change}, upsert=not before.cursor)
        except DuplicateKeyError:
            return False
        return bool(result.matched_count or result.upserted_id is not None)

    async def named(self, codes: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
        """Live items with one of these codes, or with one of these as name, short name, everyday name or catalogue name (exactly equal)."""
        fields = ("item.name", "item.short_name", "item.everyday_names", "item.catalogue_name")
        either = [{"_id": {"$in": list(codes)}}, *({field: {"$in": list(names)}} for field in fields)]
        return [row["item"] async for row in self._items.find({"item": {"$ne": None}, "$or": either}, {"item": 1})]
