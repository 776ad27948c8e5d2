"""Every query of content. What is in force of an item is one document, its guide another; every record that came stays beside them as a version.

Guides are kept as the JSON they are served as: shaping and encoding happen once per change, not once per reader.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from content.closure_store import Closures
from content.feed import STATE, Feed
from kit.clock import now
from kit.mongo import ASCENDING, IndexModel, Mongo, UpdateOne, written

INDEXES = {
    "items": [IndexModel([("changed", ASCENDING)]), IndexModel([("ends_at", ASCENDING)])],
    "item_versions": [IndexModel([("waits_until", ASCENDING)], sparse=True)],
    "guides": [IndexModel([("shape", ASCENDING)])],
    "items_parked": [IndexModel([("at", ASCENDING)])],
    "catalogue": [],
}


@dataclass(frozen=True, slots=True)
class Change:
    """One record, read: the item and its guide, or None for both when it was taken down. Times are UTC; None = at once, without end.

    `by_hand`: loaded from a file; it takes the seq of what it replaces, so that the feed's next record always wins.
    """

    code: str
    version: int
    seq: int
    item: dict[str, Any] | None
    guide: bytes | None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    replaced_by: tuple[str, ...] = ()
    batch: str = ""
    odd: tuple[dict[str, str], ...] = ()
    by_hand: bool = False

    @property
    def place(self) -> str:
        """Its version document. A tombstone has one of its own: a core may give it the version it takes down."""
        return f"{self.code}@{self.version}" if self.item is not None else f"{self.code}@{self.version}/removed"

    def waits(self, moment: datetime) -> bool:
        """Its time has not come. One `moment` decides for a whole page, or a version might neither wait nor be applied."""
        return self.starts_at is not None and self.starts_at > moment

    @property
    def older(self) -> dict[str, Any]:
        """What it may replace."""
        return {"$lte" if self.by_hand else "$lt": self.seq}


class Content(Feed):
    def __init__(self, mongo: Mongo) -> None:
        super().__init__(mongo["catalogue"], mongo["items_parked"], about=("item", "code"))
        self._mongo = mongo
        self.closures = Closures(mongo)
        self._items = mongo["items"]
        self._versions = mongo["item_versions"]
        self._guides = mongo["guides"]

    async def item(self, code: str) -> dict[str, Any] | None:
        """The version in force, or None if unknown, ended or taken down."""
        return await self._items.find_one({"_id": code, "item": {"$ne": None}, **_not_ended()})

    async def row(self, code: str) -> dict[str, Any] | None:
        """What became of the newest record in force, ended or taken down as it may be."""
        return await self._items.find_one({"_id": code})

    async def rows(self, codes: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {row["_id"]: row async for row in self._items.find({"_id": {"$in": list(codes)}})}

    async def item_version(self, code: str, version: int) -> dict[str, Any] | None:
        """None also for one whose time has not come."""
        return await self._versions.find_one({"_id": f"{code}@{version}", **_begun()})

    async def versions(self, code: str) -> list[dict[str, Any]]:
        """Every version whose time has come, without its item; at most 1,000."""
        found = self._versions.find({**_versions_of(code), **_begun()}, {"item": 0, "odd": 0}).limit(1000)
        return [row async for row in found]

    async def last_content(self, code: str, before: int) -> dict[str, Any] | None:
        """The newest version that says something and came before the record `before` (a seq)."""
        wanted = {**_versions_of(code), **_begun(), "seq": {"$not": {"$gte": before}}}
        return await self._versions.find_one(wanted, sort=[("seq", -1), ("at", -1)])

    async def searchable(self, fields: Sequence[str]) -> list[dict[str, Any]]:
        """These fields of every item in force, for the search index."""
        wanted = {f"item.{field}": 1 for field in fields}
        return [row["item"] async for row in self._items.find({"item": {"$ne": None}, **_not_ended()}, wanted)]

    async def departments(self) -> set[str]:
        """Names of those whose items are in force."""
        return set(await self._items.distinct("item.department.name", {"item": {"$ne": None}, **_not_ended()}))

    async def guide(self, code: str) -> tuple[int, bytes] | None:
        """(shape it was made in, JSON without its date), or None if unknown, ended or taken down."""
        found = await self._guides.find_one({"_id": code, **_not_ended()}, {"shape": 1, "body": 1})
        return (found["shape"], found["body"]) if found is not None and found["body"] is not None else None

    async def keep_versions(self, changes: Sequence[Change], moment: datetime) -> None:
        """Written first. One whose time has not come waits here; a newer record of the same version replaces it, with its time."""
        writes = []
        for one in changes:
            row = {name: getattr(one, name) for name in ("code", "version", "seq", "item", "starts_at", "ends_at", "batch")}
            row |= {"replaced_by": list(one.replaced_by), "odd": list(one.odd)}
            timed: dict[str, Any] = (
                {"$set": row | {"waits_until": one.starts_at}} if one.waits(moment) else {"$set": row, "$unset": {"waits_until": ""}}
            )
            may = {"_id": one.place, "$or": [{"seq": one.older}, {"seq": {"$exists": False}}]}
            writes.append(UpdateOne(may, {**timed, "$setOnInsert": {"at": moment}}, upsert=True))
        await written(self._versions, writes)

    async def keep_guides(self, changes: Sequence[Change], shape: int) -> None:
        """Written before their items, so that a crash between the two is mended by the page's repetition. Never over a newer one."""
        writes = []
        for one in changes:
            older = {"_id": one.code, "$or": [{"seq": one.older}, {"seq": one.seq, "shape": {"$ne": shape}}]}
            content = {"seq": one.seq, "shape": shape, "body": one.guide, "ends_at": one.ends_at}
            writes.append(UpdateOne(older, {"$set": content}, upsert=True))
        await written(self._guides, writes)

    async def other_shapes(self, shape: int) -> list[dict[str, Any]]:
        """Items whose guide was made in another shape, by another release."""
        codes = [row["_id"] async for row in self._guides.find({"shape": {"$ne": shape}}, {"_id": 1})]
        return [row async for row in self._items.find({"_id": {"$in": codes}})]

    async def apply(self, changes: Sequence[Change], revision: int) -> int:
        """Compare-and-set by feed sequence: an older record never overwrites a newer one. Returns how many changed something."""
        moment, items = now(), []
        for one in changes:
            content: dict[str, Any] = {
                "version": one.version,
                "seq": one.seq,
                "item": one.item,
                "changed": revision,
                "synced_at": moment,
                "batch": one.batch,
            }
            content |= {"starts_at": one.starts_at, "ends_at": one.ends_at, "replaced_by": list(one.replaced_by), "odd": list(one.odd)}
            content["end_seen"] = False
            items.append(UpdateOne({"_id": one.code, "seq": one.older}, {"$set": content}, upsert=True))
        return await written(self._items, items)

    async def begun(self) -> list[dict[str, Any]]:
        """Versions that waited and whose time has come, in the order of the feed; at most 500."""
        found = self._versions.find({"waits_until": {"$lte": now()}}).sort("seq", ASCENDING).limit(500)
        return [row async for row in found]

    async def stop_waiting(self, rows: Sequence[dict[str, Any]]) -> None:
        """Last step of taking effect; a row that a newer record has replaced meanwhile goes on waiting."""
        await written(self._versions, [UpdateOne({"_id": row["_id"], "seq": row["seq"]}, {"$unset": {"waits_until": ""}}) for row in rows])

    async def newly_ended(self) -> list[str]:
        """Items whose last moment has passed since anybody looked; at most 1,000."""
        found = self._items.find({"ends_at": {"$lte": now()}, "end_seen": False}, {"_id": 1}).limit(1000)
        return [row["_id"] async for row in found]

    async def mark_end_seen(self, codes: Sequence[str]) -> None:
        await self._items.update_many({"_id": {"$in": list(codes)}, "ends_at": {"$lte": now()}}, {"$set": {"end_seen": True}})

    async def named(self, codes: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
        """Live items with one of these codes, or with one of these as name, short name, everyday name or catalogue name (exactly equal)."""
        fields = ("item.name", "item.short_name", "item.everyday_names", "item.catalogue_name")
        either = [{"_id": {"$in": list(codes)}}, *({field: {"$in": list(names)}} for field in fields)]
        return [row["item"] async for row in self._items.find({"item": {"$ne": None}, "$or": either}, {"item": 1})]

    async def touch(self, as_of: datetime | None = None) -> None:
        """Something changed without the feed; indexes are rebuilt. `as_of`: the whole catalogue was loaded from elsewhere."""
        change: dict[str, Any] = {"$inc": {"revision": 1}}
        if as_of is not None:
            change["$set"] = {"as_of": as_of}
        await self._feed.update_one({"_id": STATE}, change, upsert=True)


def _not_ended() -> dict[str, Any]:
    return {"$or": [{"ends_at": None}, {"ends_at": {"$gt": now()}}]}


def _begun() -> dict[str, Any]:
    """Versions with content whose time has come."""
    return {"item": {"$ne": None}, "$or": [{"starts_at": None}, {"starts_at": {"$lte": now()}}]}


def _versions_of(code: str) -> dict[str, Any]:
    """By the range of their ids: "@" sorts just before "A"."""
    return {"_id": {"$gte": f"{code}@", "$lt": f"{code}A"}}
